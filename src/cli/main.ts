// The command line: names the commands, and turns what goes wrong into a message and an exit code.
// Each command has a file of its own.

import { Command, CommanderError } from 'commander';
import { UserError } from '../errors.ts';
import { program } from '../program.ts';
import { exitCodes } from './exit-codes.ts';
import { Interruption, listenToSignals } from './interruptible.ts';
import { complain, guardStreams, printableLines, tell } from './terminal.ts';

guardStreams();
listenToSignals();
for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, (error: unknown) => process.exit(report(error)));
}

const cli = new Command('rosetta')
  .description('Find the units that different vision networks have in common.')
  .version(program.version)
  .configureHelp({ showGlobalOptions: true })
  .addHelpText(
    'after',
    `
Exit codes: ${exitCodes.done} done, ${exitCodes.userError} a file or value is wrong, ${exitCodes.usage} the options are wrong, ${exitCodes.internalError} internal error; stopped by a signal: ${exitCodes.SIGHUP} SIGHUP, ${exitCodes.SIGINT} SIGINT (Ctrl-C), ${exitCodes.SIGTERM} SIGTERM.`,
  );
/** In the order of the help. Only the one that is asked for is loaded: each brings rooms of its own. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  demo: async () => (await import('./demo/demo.ts')).demoCommand(),
  mine: async () => (await import('./commands/mine.ts')).mineCommand(),
  report: async () => (await import('./commands/report.ts')).reportCommand(),
  invert: async () => (await import('./commands/invert.ts')).invertCommand(),
  translate: async () => (await import('./commands/translate.ts')).translateCommand(),
  edit: async () => (await import('./commands/edit.ts')).editCommand(),
  inspect: async () => (await import('./commands/inspect.ts')).inspectCommand(),
  activations: async () => (await import('./commands/activations.ts')).activationsCommand(),
  'export-onnx': async () => (await import('./commands/export-onnx.ts')).exportOnnxCommand(),
  train: async () => (await import('./commands/train.ts')).trainCommand(),
  zoo: async () => (await import('./commands/zoo.ts')).zooCommand(),
};
const asked = process.argv[2] ?? '';
const loaded = Object.hasOwn(commands, asked) ? [commands[asked]] : Object.values(commands);
for (const load of loaded) cli.addCommand(await load());

const strict = (command: Command): void => {
  command.configureOutput({ outputError: (text, write) => write(printableLines(text)) });
  command.exitOverride().showHelpAfterError('(add --help for the options)').showSuggestionAfterError();
  command.commands.forEach(strict);
};
strict(cli);

try {
  await cli.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  if (error instanceof UserError) {
    complain(error.message);
    return exitCodes.userError;
  }
  if (error instanceof Interruption) {
    complain(error.message);
    return error.exitCode;
  }
  complain(`internal error in version ${program.version}; please report it with these lines:`);
  tell(process.stderr, `${printableLines((error instanceof Error ? error.stack : undefined) ?? String(error))}\n`);
  return exitCodes.internalError;
}
