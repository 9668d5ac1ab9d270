// Name and version of this program, as they are written into files. A test holds them against package.json.

export const program = { name: 'rosetta-neurons', version: '0.1.0' };
