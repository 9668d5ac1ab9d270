// Types of allocator.js, for programs in TypeScript that start it.

export declare function wantsAllocator(): boolean;
export declare function runWithAllocator(script: string, args: readonly string[]): void;
