// Shows a page to the person at the terminal, if there is one and a screen.
// It never fails: whoever cannot be shown the page has its path.

import { spawn } from 'node:child_process';

/** Whether somebody sits at a screen: not in a pipe, on a build server, or over a line without display. */
function someoneLooks(): boolean {
  const { CI, DISPLAY, WAYLAND_DISPLAY, SSH_CONNECTION } = process.env;
  if (!process.stdout.isTTY || CI) return false;
  if (process.platform === 'linux') return Boolean(DISPLAY || WAYLAND_DISPLAY);
  return !SSH_CONNECTION;
}

const openers: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  darwin: ['open'],
  // "start" takes the first quoted text as a title.
  win32: ['cmd', '/c', 'start', '""'],
};

/** Opens a file with what the platform has for it. */
export function showPage(path: string): void {
  if (!someoneLooks()) return;
  const [command, ...args] = openers[process.platform] ?? ['xdg-open'];
  const child = spawn(command, [...args, path], { stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
}
