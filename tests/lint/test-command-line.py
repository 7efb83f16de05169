#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds everything that says what initrdctl takes against each other.

    tests/lint/test-command-line.py INITRDCTL

That is its own table, --help, the man page and the completions of bash, zsh and fish: the commands,
the options, and whether an option takes a value ("", "=" or "[=]"). The keys of a profile are held
against initrdd.conf(5). Where bash and fish are installed they also complete an option. Each command
is given every option, and refuses those that are none of its own.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def read(path):
    return (SOURCE / path).read_text(encoding="utf-8")


def section(text, begin, end):
    return text.split(begin, 1)[1].split(end, 1)[0]


def from_source():
    text = read("client/initrdctl.c")
    value = {"no": "", "required": "=", "optional": "[=]"}
    verbs = re.findall(r'\{ "([\w-]+)"', section(text, "verbs[] = {", "};"))
    table = section(read("client/options.c"), "Option options[] = {", "};")
    options = {}
    for name, letter, kind in re.findall(r'\{ "([\w-]+)", (?:\'(\w)\'|0), (\w+)_argument', table):
        options["--" + name] = value[kind]
        if letter:
            options["-" + letter] = value[kind]
    return set(verbs), options


def options_by_verb():
    """{verb: its long options}, those of every verb included."""
    text = read("client/initrdctl.c")
    words = {}

    def value(expression):
        return set(" ".join(string or words.get(macro, "") for string, macro in
                            re.findall(r'"([^"]*)"|(\w+)', expression)).split())

    for macro, expression in re.findall(r"^#define (O\w+) (.*)$", text, re.MULTILINE):
        words[macro] = " ".join(sorted(value(expression)))
    rows = re.findall(r'\{ "([\w-]+)",[^{}]*?\b(?:true|false),([^{}]*)\}',
                      section(text, "verbs[] = {", "};"))
    return {verb: value(expression) | value("OPTIONS_OF_ALL") for verb, expression in rows}


def from_help(program):
    text = subprocess.run([program, "--help"], check=True, stdout=subprocess.PIPE,
                          encoding="utf-8").stdout
    verbs = re.findall(r"^  ([\w-]+)", section(text, "Commands:\n", "\n\n"), re.MULTILINE)
    options = {}
    for short, name, value in re.findall(r"^  (-\w)? *(--[\w-]+)(\[=|=)?",
                                         text.split("Options:\n")[1], re.MULTILINE):
        options[name] = "[=]" if value == "[=" else value
        if short:
            options[short] = value
    return set(verbs), options


def from_man():
    text = read("man/initrdctl.1")
    verbs = re.findall(r"^\.It Cm ([\w-]+)", section(text, ".Sh COMMANDS", ".Sh "), re.MULTILINE)
    options = {}
    for item in re.findall(r"^\.It (Fl .*)", section(text, ".Sh OPTIONS", ".Sh "), re.MULTILINE):
        value = "[=]" if "Ns Op = Ns" in item else "=" if "Ns = Ns" in item else ""
        options.update({"-" + name: value for name in re.findall(r"Fl ([\w-]+)", item)})
    return set(verbs), options


def from_bash():
    text = read("completions/initrdctl.bash")
    words = re.search(r"options='(.*?)'", text, re.DOTALL)[1].split()
    options = {}
    for word in words:
        name = word.rstrip("=")
        options[name] = "[=]" if name in options else "=" if word.endswith("=") else ""
    return set(re.search(r"verbs='(.*?)'", text, re.DOTALL)[1].split()), options


def from_zsh():
    text = read("completions/_initrdctl")
    verbs = re.findall(r"^ +'([\w-]+):", section(text, "commands=(", "\n        )"), re.MULTILINE)
    arguments = text.split("_arguments -s", 1)[1]
    options = {name: "[=]" if value == "=-" else value
               for name, value in re.findall(r"'\*?(--[\w-]+)(=-|=)?\[", arguments)}
    for names, value in re.findall(r"\{([\w,=+-]+)\}'(?:\[[^]]*\])?(:?)", arguments):
        options.update({name.rstrip("=-+"): "=" if value else ""
                        for name in re.findall(r"(-[\w-]+)", names)})
    return set(verbs), options


def from_fish():
    verbs, options = set(), {}
    for line in read("completions/initrdctl.fish").splitlines():
        found = re.match(r"complete -c initrdctl -n __fish_use_subcommand -a ([\w-]+)", line)
        if found:
            verbs.add(found[1])
        found = re.match(r"complete -c initrdctl (?:-s (\w) )?-l ([\w-]+)( -\w+)?", line)
        if found:
            kind = (found[3] or "").strip()
            options["--" + found[2]] = ("=" if kind in ("-x", "-xa", "-rF")
                                        else "[=]" if kind == "-fa" else "")
            if found[1]:
                options["-" + found[1]] = options["--" + found[2]]
    return verbs, options


def shown(options):
    return {name + value for name, value in options.items()}


def differences(one, place, other):
    if one - other:
        yield "%s lacks: %s" % (place, " ".join(sorted(one - other)))
    if other - one:
        yield "%s: only there: %s" % (place, " ".join(sorted(other - one)))


def check_completing(options):
    """The completions that can be tried: every long option that begins with --no."""
    wanted = {name for name in options if name.startswith("--no")}
    bash_completion = pathlib.Path("/usr/share/bash-completion/bash_completion")
    if bash_completion.exists():
        script = ("source %s; source %s; COMP_LINE='initrdctl --no' COMP_POINT=14 COMP_CWORD=1; "
                  "COMP_WORDS=(initrdctl --no); _initrdctl; printf '%%s\\n' \"${COMPREPLY[@]}\""
                  % (bash_completion, SOURCE / "completions/initrdctl.bash"))
        done = subprocess.run(["bash", "-c", script], check=True, encoding="utf-8",
                              stdout=subprocess.PIPE)
        yield from differences(wanted, "bash", set(done.stdout.split()))
    if shutil.which("fish"):
        script = "source %s; complete -C 'initrdctl --no'" % (SOURCE / "completions/initrdctl.fish")
        done = subprocess.run(["fish", "--no-config", "-c", script], check=True, encoding="utf-8",
                              stdout=subprocess.PIPE)
        completed = {line.split("\t")[0] for line in done.stdout.splitlines()}
        yield from differences(wanted, "fish", completed)


def refusal(program, verb, option, kind):
    """What a command says of an option, if it is that it takes none such. Nothing is done: there
    are too few arguments or too many, or no such root."""
    values = {"set": "Level=1", "threads": "1", "timeout": "1", "lines": "1", "json": "off"}
    words = {"modules": ["--root=/nonexistent"], "build": ["--root=/nonexistent"],
             "rebuild": ["--root=/nonexistent"]}.get(verb)
    if words is None:
        words = [] if verb in ("remove", "cancel", "hold", "cat", "why") else ["1", "2", "3"]
    given = "--" + option + ("=" + values.get(option, "none") if kind else "")
    done = subprocess.run([program, "--offline", verb, given] + words, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8",
                          env=dict(os.environ, NO_COLOR="1"))
    line = "initrdctl: %s takes no --%s, " % (verb, option)
    found = [text for text in done.stderr.splitlines() if text.startswith(line)]
    return found[0] if found and done.returncode == 2 else None


def check_options_of_verbs(program, options):
    table = options_by_verb()
    every = set.intersection(*table.values())
    for verb, takes in sorted(table.items()):
        for unknown in sorted(takes - {name.lstrip("-") for name in options}):
            yield "client/initrdctl.c: %s takes --%s, which is no option" % (verb, unknown)
    for name, kind in sorted(options.items()):
        option = name[2:]
        if not name.startswith("--") or option in every:
            continue
        its = [verb for verb, takes in table.items() if option in takes]
        if not its:
            yield "client/initrdctl.c: no command takes --%s" % option
        for verb in table:
            line = refusal(program, verb, option, kind)
            if (line is None) != (verb in its):
                yield "%s --%s: it is %s" % (verb, option, "passed over" if line is None else line)
            elif line and not line.endswith(": %s." % ", ".join(its)):
                yield "%s: whose option it is: %s" % (line, ", ".join(its))


def check_keys():
    keys = set(re.findall(r'\] = \{ "(\w+)", set_', read("engine/describe/profile-keys.c")))
    page = section(read("man/initrdd.conf.5"), ".Sh THE [Profile] SECTION", ".Sh ")
    yield from differences(keys, "man/initrdd.conf.5",
                           set(re.findall(r"^\.It Cm (\w+)=", page, re.MULTILINE)))


def main(program):
    verbs, options = from_source()
    wrong = []
    for place, found in (("--help", from_help(program)), ("man/initrdctl.1", from_man()),
                         ("completions/initrdctl.bash", from_bash()),
                         ("completions/_initrdctl", from_zsh()),
                         ("completions/initrdctl.fish", from_fish())):
        wrong += differences(verbs, place, found[0])
        wrong += differences(shown(options), place, shown(found[1]))
    wrong += check_keys()
    wrong += check_completing(options)
    if set(options_by_verb()) != verbs:
        wrong.append("client/initrdctl.c: the options of its commands were not found")
    wrong += check_options_of_verbs(program, options)
    if not verbs or not options:
        wrong.append("client/initrdctl.c: its tables were not found")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(main(sys.argv[1]))
