#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether every file that is installed is in exactly one of Debian's packages, and each line of their
lists has something. test-debian-lists.py BUILD-DIRECTORY

What the build installs is what meson says of it; what isn't for Debian, or was not asked for by
-Dkernel-hooks=, is left out."""

import fnmatch
import json
import pathlib
import re
import sys
import unittest

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
DEBIAN = SOURCE / 'packaging' / 'debian'


def options():
    text = (BUILD / 'meson-info' / 'intro-buildoptions.json').read_text()
    return {option['name']: option['value'] for option in json.loads(text)}


OPTIONS = options()
HOOKS = OPTIONS['kernel-hooks']


def plain(path):
    """As the lists have it, wherever this distribution has its units."""
    return re.sub(r'^lib/', 'usr/lib/', path.lstrip('/'))


def not_for_debian():
    """Patterns of what Debian's rules leave out, or never ask for."""
    rules = (DEBIAN / 'rules').read_text()
    found = ['*%s*' % word for word in re.findall(r'^\tdh_missing .*-X(\S+)', rules, re.M)]
    return found + ['*/kernel/install.d/*', '*/libalpm/*', '*/alpm-hook']


def installed():
    text = (BUILD / 'meson-info' / 'intro-installed.json').read_text()
    files = {plain(path) for path in json.loads(text).values()}
    return {f for f in files if not any(fnmatch.fnmatchcase(f, p) for p in not_for_debian())}


def lines():
    """[(package, pattern)]"""
    found = []
    for path in sorted(DEBIAN.glob('*.install')):
        for line in path.read_text().splitlines():
            if line.strip() and not line.startswith('#'):
                found.append((path.stem, plain(line.split()[0])))
    rules = (DEBIAN / 'rules').read_text()
    return found + [(package, plain(path)) for package, path in
                    re.findall(r'dh_install --package=(\S+) (\S+)', rules)]


def has(pattern, path):
    """A directory has all that is below it."""
    return fnmatch.fnmatchcase(path, pattern) or fnmatch.fnmatchcase(path, pattern + '/*')


@unittest.skipUnless(OPTIONS['prefix'] == '/usr', 'this build is not for /usr')
class Lists(unittest.TestCase):
    def test_each_file_is_in_one_package(self):
        files = installed()
        self.assertGreater(len(files), 50)
        for path in sorted(files):
            with self.subTest(path):
                packages = [package for package, pattern in lines() if has(pattern, path)]
                self.assertEqual(len(packages), 1, f'{path} is in {packages or "no package"}')

    def test_each_line_has_a_file(self):
        files = installed()
        # These are there only if they were asked for, or on one architecture.
        optional = [] if 'debian' in HOOKS else ['etc/kernel', 'usr/lib/initrdd/kernel-hook']
        optional.append('usr/lib/initrdd/try-init')
        for package, pattern in lines():
            if pattern not in optional:
                with self.subTest(package=package, line=pattern):
                    self.assertTrue(any(has(pattern, f) for f in files), 'nothing like it is installed')

    def test_what_one_architecture_has_is_in_no_list(self):
        """dh_install fails for a line that means nothing."""
        for path in sorted(DEBIAN.glob('*.install')):
            self.assertNotIn('usr/lib/initrdd/try-init', path.read_text().split(), path.name)

    def test_packages_are_known(self):
        control = (DEBIAN / 'control').read_text()
        known = set(re.findall(r'^Package: (\S+)', control, re.M))
        self.assertEqual({package for package, _ in lines()} - known, set())


if __name__ == '__main__':
    unittest.main()
