// Ends a process whose launcher is gone: nobody waits for it any more. Node loads it before what is to run.
// What the process had to put away is put away by its own "exit" handlers.

const orphaned = () => process.exit(143);

// The channel to the launcher may have closed already, while this was being loaded. Workers have none.
if (process.connected === false) orphaned();
if (process.channel) {
  process.channel.unref();
  process.on('disconnect', orphaned);
}
