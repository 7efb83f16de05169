#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/check-layers on trees where it must fail, and on one where it must not."""

import contextlib
import importlib.machinery
import importlib.util
import io
import pathlib
import sys
import tempfile
import unittest

TOOLS = pathlib.Path(__file__).resolve().parent.parent.parent / 'tools'

# Loaded as a module: its name has no suffix, and nothing is to be left beside it.
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader('check_layers', str(TOOLS / 'check-layers'))
check_layers = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
loader.exec_module(check_layers)

# Each file of a house in order, and what it includes.
HOUSE = {
    'include/initrdd-failure.h': [],
    'util/macro.h': ['<errno.h>'],
    'util/string-util.c': ['"macro.h"', '"initrdd-failure.h"', '<string.h>'],
    'engine/report.h': ['"initrdd-failure.h"', '"macro.h"'],
    'engine/report.c': ['"report.h"'],
    'util/failure.c': ['"initrdd-failure.h"'],
    'engine/source/source.h': ['"macro.h"', '"report.h"'],
    'engine/facts/facts.h': ['"source/source.h"'],
    'engine/describe/plan.h': ['"facts/facts.h"'],
    'engine/describe/plan.c': ['"plan.h"', '"describe/plan.h"'],
    'engine/collect/unit.h': ['"describe/plan.h"', '"report.h"'],
    'engine/pack/store.h': ['"collect/unit.h"'],
    'engine/image/image.h': ['"pack/store.h"', '"source/source.h"'],
    'engine/build.h': ['"image/image.h"'],
    'engine/build.c': ['"build.h"', '"pack/store.h"'],
    'worker/worker.h': ['"build.h"', '"macro.h"'],
    'worker/worker.c': ['"worker.h"', '"pack/store.h"'],
    'daemon/job.h': ['"initrdd-failure.h"', '"macro.h"'],
    'daemon/job.c': ['"job.h"', '<systemd/sd-bus.h>'],
    'client/verb.h': ['"report.h"', '"initrdd-failure.h"'],
    'runtime/generator/generator.h': ['"macro.h"'],
    'runtime/generator/generator.c': ['"generator.h"'],
    'tests/unit/fixture.h': [],
    'tests/unit/test-all.c': ['"fixture.h"', '"build.h"', '<cmocka.h>', '"generator/generator.h"'],
}


def run(files):
    with tempfile.TemporaryDirectory() as root:
        for name, includes in files.items():
            path = pathlib.Path(root) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(''.join(f'#include {i}\n' for i in includes))
        with contextlib.redirect_stderr(io.StringIO()) as stderr:
            status = check_layers.main([root])
    return status, stderr.getvalue().splitlines()


class Layers(unittest.TestCase):
    def wrong(self, name, include, expected, **more):
        """One include that is added to the house is all that is complained about."""
        house = dict(HOUSE, **more)
        house[name] = house.get(name, []) + [include]
        status, lines = run(house)
        self.assertEqual((status, lines), (1, [f'{name}:{len(house[name])}: {expected}']))

    def test_house_in_order(self):
        self.assertEqual(run(HOUSE), (0, []))

    def test_upwards(self):
        for name, header, room, other in [
            ('include/initrdd-failure.h', 'util/macro.h', 'include', 'util'),
            ('util/macro.h', 'engine/report.h', 'util', 'engine'),
            ('engine/report.c', 'engine/source/source.h', 'engine', 'engine/source'),
            ('engine/source/source.h', 'engine/facts/facts.h', 'engine/source', 'engine/facts'),
            ('engine/facts/facts.h', 'engine/describe/plan.h', 'engine/facts',
             'engine/describe'),
            ('engine/describe/plan.c', 'engine/collect/unit.h', 'engine/describe',
             'engine/collect'),
            ('engine/collect/unit.h', 'engine/pack/store.h', 'engine/collect', 'engine/pack'),
            ('engine/pack/store.h', 'engine/image/image.h', 'engine/pack', 'engine/image'),
            ('engine/image/image.h', 'engine/build.h', 'engine/image', 'engine/build'),
            ('engine/build.c', 'worker/worker.h', 'engine/build', 'worker'),
            ('worker/worker.c', 'daemon/job.h', 'worker', 'daemon'),
            ('daemon/job.c', 'worker/worker.h', 'daemon', 'worker'),
            ('daemon/job.c', 'engine/build.h', 'daemon', 'engine/build'),
            ('daemon/job.c', 'client/verb.h', 'daemon', 'client'),
            ('client/verb.h', 'daemon/job.h', 'client', 'daemon'),
            ('daemon/job.c', 'runtime/generator/generator.h', 'daemon', 'runtime'),
            ('runtime/generator/generator.c', 'engine/report.h', 'runtime', 'engine'),
            ('runtime/generator/generator.c', 'include/initrdd-failure.h', 'runtime', 'include'),
            ('daemon/job.c', 'tests/unit/fixture.h', 'daemon', 'tests'),
        ]:
            spelt = header.removeprefix('engine/')
            if room != 'engine/build' and other in ('util', 'include', 'daemon', 'client'):
                spelt = pathlib.Path(header).name
            if other in ('tests', 'worker', 'daemon', 'runtime'):
                spelt = f'../{header}'
                if room.startswith('engine'):
                    spelt = f'../{header}'
            with self.subTest(name=name, header=header):
                self.wrong(name, f'"{spelt}"', f"{room} may not use {header}, which is {other}'s")

    def test_spellings(self):
        expected = "util may not use engine/report.h, which is engine's"
        for include in ['"../engine/report.h"', '<report.h>', '"report.h" /* why */']:
            with self.subTest(include=include):
                self.wrong('util/macro.h', include, expected)

    def test_same_name_in_two_rooms(self):
        both = {'daemon/bus/bus.h': [], 'client/bus/bus.h': [], 'client/build/job.c': ['"bus/bus.h"']}
        self.assertEqual(run(dict(HOUSE, **both)), (0, []))

    def test_not_placed(self):
        self.wrong('util/macro.h', '"nowhere.h"', 'can\'t find "nowhere.h"')
        self.wrong('util/macro.h', 'HEADER', 'can\'t tell what is included by "HEADER"')
        self.wrong('util/macro.h', '"../other/x.h"', 'can\'t find "../other/x.h"')

    def test_unknown_rooms(self):
        for name in ['engine/new/x.c', 'engine/x.h', 'other/x.c', 'x.c']:
            with self.subTest(name=name):
                self.assertEqual(run(dict(HOUSE, **{name: []})),
                                 (1, [f'{name}: in no room that is known']))

    def test_nothing_to_check(self):
        status, _ = run({'README': []})
        self.assertEqual(status, 1)


if __name__ == '__main__':
    unittest.main()
