#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is installed for other programs, as those see it: units, message catalog, bus policy, polkit
actions and shell scripts. test-service-files.py BUILD-DIRECTORY

A checker that isn't installed is skipped, with its name."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
UNITS = ('initrdd.service', 'initrdd-post-update@.service')
# In tenths.
EXPOSURE = 15
SCRIPTS = ('packaging/kernel/post-update', 'packaging/kernel/kernel-hook.in',
           'packaging/kernel/hook.in', 'packaging/kernel-install/55-initrdd.install',
           'packaging/arch/alpm-hook')


def needs(program):
    return unittest.skipUnless(shutil.which(program), f'there is no {program}')


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True,
                          env=dict(os.environ, LC_ALL='C.UTF-8', NO_COLOR='1'))
    return done.returncode, done.stdout


def defines(header, prefix):
    """{name: value} of #define NAME "value"."""
    text = (SOURCE / 'include' / header).read_text()
    return dict(re.findall(rf'^#define ({prefix}\w*) "([^"]*)"', text, re.MULTILINE))


class Units(unittest.TestCase):
    def units(self, directory):
        """Copies whose programs exist here: what is looked at is the rest."""
        for name in UNITS:
            text = (BUILD / 'systemd' / name).read_text()
            self.assertNotIn('@pkg', text)
            (directory / name).write_text(re.sub(r'^ExecStart=\S+', 'ExecStart=/bin/true', text,
                                                 flags=re.MULTILINE))

    @needs('systemd-analyze')
    def test_verify(self):
        with tempfile.TemporaryDirectory() as temporary:
            self.units(pathlib.Path(temporary))
            for name in UNITS:
                with self.subTest(name):
                    status, output = run('systemd-analyze', 'verify', '--man=no',
                                         '--recursive-errors=no',
                                         os.path.join(temporary, name))
                    own = [line for line in output.splitlines() if 'initrdd' in line]
                    self.assertEqual((status, own), (0, []))

    @needs('systemd-analyze')
    def test_exposure(self):
        with tempfile.TemporaryDirectory() as temporary:
            self.units(pathlib.Path(temporary))
            status, output = run('systemd-analyze', 'security', '--offline=true', '--no-pager',
                                 f'--threshold={EXPOSURE}', os.path.join(temporary, UNITS[0]))
            self.assertEqual(status, 0, output)

    def test_directories_of_the_store(self):
        """What fragments are kept in holds copies of files that only root may read."""
        text = (BUILD / 'systemd' / UNITS[0]).read_text()
        self.assertIn('\nCacheDirectoryMode=0700\n', text)


class Catalog(unittest.TestCase):
    PATH = SOURCE / 'systemd' / 'initrdd.catalog'

    def entries(self):
        text = self.PATH.read_text()
        parts = re.split(r'^-- ([0-9a-f]{32})\n', text, flags=re.MULTILINE)
        return dict(zip(parts[1::2], parts[2::2]))

    def test_every_message(self):
        """Both ways: no message without an entry, no entry of nothing."""
        ids = defines('initrdd-messages.h', 'MESSAGE_ID_')
        self.assertTrue(ids)
        self.assertEqual(sorted(ids.values()), sorted(self.entries()))

    def test_fields(self):
        """An entry may name the fields that the header promises for its message."""
        text = (SOURCE / 'include' / 'initrdd-messages.h').read_text()
        said, entries = {}, self.entries()
        for comment, name, value in re.findall(
                r'/\* ([^*]*) \*/\n#define MESSAGE_ID_(\w+) "(\w+)"', text):
            fields = set(re.findall(r'\b[A-Z][A-Z_]+\b', comment.partition(': ')[2]))
            for other in re.findall(r'\bas ([A-Z_]+)', comment):
                fields |= said.get(other, set())
            said[name] = fields
            used = set(re.findall(r'@(\w+)@', entries[value]))
            with self.subTest(name):
                self.assertLessEqual(used, fields)

    def test_form(self):
        for ident, text in self.entries().items():
            with self.subTest(ident):
                head, _, body = text.partition('\n\n')
                self.assertEqual([line.partition(':')[0] for line in head.splitlines()],
                                 ['Subject', 'Defined-By', 'Documentation'])
                self.assertTrue(body.strip())

    @needs('journalctl')
    def test_compiles(self):
        with tempfile.TemporaryDirectory() as root:
            directory = pathlib.Path(root) / 'usr/lib/systemd/catalog'
            directory.mkdir(parents=True)
            (pathlib.Path(root) / 'var/lib/systemd/catalog').mkdir(parents=True)
            shutil.copy(self.PATH, directory)
            status, output = run('journalctl', '--update-catalog', '--root=' + root)
            if status != 0 and 'unrecognized' in output:
                self.skipTest('journalctl takes no --root= here')
            self.assertEqual((status, output.strip()), (0, ''))
            made = pathlib.Path(root) / 'var/lib/systemd/catalog/database'
            self.assertTrue(made.exists(), output)
            for ident in self.entries():
                self.assertIn(bytes.fromhex(ident), made.read_bytes())


class Bus(unittest.TestCase):
    NAME = defines('initrdd-bus.h', 'BUS_NAME')['BUS_NAME']

    def test_policy(self):
        tree = xml.etree.ElementTree.parse(SOURCE / 'dbus' / f'{self.NAME}.conf').getroot()
        rules = [rule for policy in tree for rule in policy]
        self.assertIn('own', tree.find('policy[@user="root"]/allow').attrib)
        # Nothing is said about anybody else's messages.
        for rule in rules:
            self.assertEqual({rule.get('own', self.NAME), rule.get('send_destination', self.NAME),
                              rule.get('receive_sender', self.NAME)}, {self.NAME})
        default = tree.find('policy[@context="default"]')
        allowed = {rule.get('send_interface') for rule in default.iter('allow')} - {None}
        ours = set(defines('initrdd-bus.h', 'BUS_INTERFACE_').values())
        self.assertLessEqual(ours, allowed)
        self.assertEqual({name for name in allowed - ours
                          if not name.startswith('org.freedesktop.DBus.')}, set())
        # No property can be set, and everyone's messages are let through only by name.
        for rule in default.iter('allow'):
            if rule.get('send_destination'):
                self.assertTrue(rule.get('send_interface'))
            if rule.get('send_interface') == 'org.freedesktop.DBus.Properties':
                self.assertIn(rule.get('send_member'), ('Get', 'GetAll'))

    def test_activation(self):
        text = (SOURCE / 'dbus' / f'{self.NAME}.service').read_text()
        unit = (BUILD / 'systemd' / UNITS[0]).read_text()
        self.assertIn(f'\nName={self.NAME}\n', text)
        alias = re.search(r'^SystemdService=(.*)$', text, re.MULTILINE)[1]
        self.assertIn(f'\nAlias={alias}\n', unit)
        self.assertIn(f'\nBusName={self.NAME}\n', unit)

    def test_polkit(self):
        tree = xml.etree.ElementTree.parse(SOURCE / 'policy' / f'{self.NAME}.policy').getroot()
        actions = {action.get('id') for action in tree.iter('action')}
        self.assertEqual(actions, set(defines('initrdd-bus.h', 'POLKIT_ACTION_').values()))
        for action in tree.iter('action'):
            with self.subTest(action.get('id')):
                rights = {right.tag: right.text for right in action.find('defaults')}
                keep = '' if action.get('id').endswith('.configure') else '_keep'
                self.assertEqual(rights, {'allow_any': 'auth_admin',
                                          'allow_inactive': 'auth_admin',
                                          'allow_active': 'auth_admin' + keep})

    @needs('xmllint')
    def test_well_formed(self):
        files = [str(path) for path in [*(SOURCE / 'dbus').glob('*.xml'),
                                        *(SOURCE / 'dbus').glob('*.conf'),
                                        *(SOURCE / 'policy').glob('*.policy')]]
        self.assertEqual(run('xmllint', '--nonet', '--noout', *files), (0, ''))


class Scripts(unittest.TestCase):
    @needs('shellcheck')
    def test_shellcheck(self):
        for name in SCRIPTS:
            with self.subTest(name):
                self.assertEqual(run('shellcheck', '-s', 'sh', str(SOURCE / name)), (0, ''))

    def test_syntax(self):
        for name in SCRIPTS:
            with self.subTest(name):
                self.assertEqual(run('sh', '-n', str(SOURCE / name)), (0, ''))


if __name__ == '__main__':
    unittest.main()
