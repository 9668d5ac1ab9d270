// Switches off the telemetry of onnxruntime-node, which is on in its builds since 1.30: an identifier in the user's cache
// folder, logs in the temporary one, and connections to its maker. It must be imported before onnxruntime-node.

// The engine reads it when its library is loaded. What is set here reaches the library from the main thread only: a
// program that imports this one in a worker thread first sets the variable itself.
process.env.ORT_DISABLE_TELEMETRY = '1';
