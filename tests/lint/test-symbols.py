#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""libinotifytools calls functions of its own by names that any program might define: what
initrdd-watch exports must not be among them. It is the only program that links that library.

    test-symbols.py WATCH PROGRAM...
"""

import subprocess
import sys

LIBRARY = 'libinotifytools.so'


def lines(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def symbols(path, *which):
    """Names without their versions."""
    return {line.split()[-1].split('@')[0] for line in lines('nm', '-D', *which, path)}


def libraries(path):
    """NAME -> PATH of all that a program loads."""
    pairs = (line.split() for line in lines('ldd', path))
    return {words[0]: words[2] for words in pairs if len(words) > 2 and words[1] == '=>'}


def main(watch, *others):
    loaded = libraries(watch)
    library = next((loaded[name] for name in loaded if name.startswith(LIBRARY)), None)
    if not library:
        return [f'{watch} does not load {LIBRARY}']
    exported = symbols(library, '--defined-only')
    wrong = []
    if 'inotifytools_initialize' not in exported:
        wrong.append(f'{library} does not look like itself')
    for name in sorted(symbols(watch, '--defined-only') & exported):
        wrong.append(f'{watch} exports {name}, which is a name of {library}')
    for other in others:
        if any(name.startswith(LIBRARY) for name in libraries(other)):
            wrong.append(f'{other} loads {library}')
    return wrong


if __name__ == '__main__':
    found = main(*sys.argv[1:])
    for line in found:
        print(line, file=sys.stderr)
    sys.exit(1 if found else 0)
