/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A unit is read the way systemd reads it: physical lines are joined to logical ones, a logical
 * line is a section or an assignment, and each assignment that matters has a row in a table, which
 * says in which sections it means something and what it does. All else is ignored, what is wrong
 * too, since systemd would start the unit all the same.
 *
 * Drop-ins are read onto what came before, and an empty assignment takes back what an earlier file
 * said. So the assignments are kept apart in the UnitState, by key, and what a caller sees is made
 * of them anew at the end of each file (settle()): only then is it known whether a Condition is on
 * a program's own path, or which service a socket starts.
 *
 * A program that is named by a shell script of an Exec line ("sh -c …") is not followed: that
 * needs a shell. Nor is ExecSearchPath=.
 */

#include "collect/exec-line.h"
#include "collect/unit.h"
#include "collect/word.h"
#include "path-util.h"
#include "string-util.h"

enum {
        UNIT_SIZE_MAX = 1024 * 1024,
        /* The lists are searched from their beginning: no file may make that slow. */
        LIST_MAX = 4096,
};

enum {
        SECTION_UNIT = 1 << 0,
        SECTION_INSTALL = 1 << 1,
        SECTION_SERVICE = 1 << 2,
        SECTION_SOCKET = 1 << 3,
        SECTION_MOUNT = 1 << 4,
        SECTION_SWAP = 1 << 5,
        SECTION_TIMER = 1 << 6,
        SECTION_PATH = 1 << 7,
        SECTION_AUTOMOUNT = 1 << 8,
        /* Those that start processes. */
        SECTION_EXEC = SECTION_SERVICE | SECTION_SOCKET | SECTION_MOUNT | SECTION_SWAP,
};

/* A program on an Exec line. */
typedef struct Command {
        const char *key; /* static */
        char *path;
        bool optional; /* by its prefix */
} Command;

struct UnitState {
        unsigned section; /* that the next assignment is in; 0: one that doesn't matter */
        unsigned seen; /* sections that were there in any of the files */
        Command *commands;
        size_t n_commands, allocated_commands;
        char **conditions, **asserts; /* paths that must exist */
        char **dependencies;
        char *starts; /* Service= of a socket, Unit= of a timer or path */
        char *user, *group, *socket_user, *socket_group;
        char **supplementary_groups;
        bool dynamic_user, accept;
};

static void state_free(UnitState *s) {
        if (!s)
                return;
        for (size_t i = 0; i < s->n_commands; i++)
                free(s->commands[i].path);
        free(s->commands);
        strv_free(s->conditions);
        strv_free(s->asserts);
        strv_free(s->dependencies);
        strv_free(s->supplementary_groups);
        free(s->starts);
        free(s->user);
        free(s->group);
        free(s->socket_user);
        free(s->socket_group);
        free(s);
}

static void programs_free(UnitProgram *programs, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(programs[i].path);
        free(programs);
}

Unit *unit_free(Unit *unit) {
        if (!unit)
                return NULL;
        programs_free(unit->programs, unit->n_programs);
        strv_free(unit->needs);
        strv_free(unit->environment_files);
        strv_free(unit->aliases);
        strv_free(unit->users);
        strv_free(unit->groups);
        state_free(unit->state);
        free(unit);
        return NULL;
}

int unit_new(Unit **ret) {
        _cleanup_(unit_freep) Unit *unit = calloc(1, sizeof(Unit));

        if (!unit)
                return -ENOMEM;
        unit->state = calloc(1, sizeof(UnitState));
        if (!unit->state)
                return -ENOMEM;
        *ret = TAKE_PTR(unit);
        return 0;
}

static int list_add(char ***list, const char *s) {
        if (strv_contains(*list, s))
                return 0;
        if (strv_length(*list) >= LIST_MAX)
                return -E2BIG;
        return strv_extend(list, s);
}

static void list_reset(char ***list) {
        *list = strv_free(*list);
}

/* What a parser of an assignment is given. */
typedef struct Assignment {
        Unit *unit;
        const char *unit_name;
        const char *key; /* static */
        const char *value; /* stripped */
} Assignment;

/* In place: an absolute path without specifiers, simplified. False when it is none. */
static bool clean_path(char *path) {
        if (!specifiers_undo(path) || path[0] != '/')
                return false;
        path_simplify(path);
        return true;
}

static int add_command(UnitState *s, const char *key, char *path, bool optional) {
        if (s->n_commands >= LIST_MAX)
                return -E2BIG;
        if (!GREEDY_REALLOC(s->commands, s->allocated_commands, s->n_commands + 1))
                return -ENOMEM;
        s->commands[s->n_commands++] = (Command) { key, path, optional };
        return 0;
}

static int parse_exec(const Assignment *a) {
        UnitState *s = a->unit->state;
        const char *p = a->value;
        size_t n = 0;
        int r;

        if (!*p) {
                for (size_t i = 0; i < s->n_commands; i++)
                        if (streq(s->commands[i].key, a->key))
                                free(s->commands[i].path);
                        else
                                s->commands[n++] = s->commands[i];
                s->n_commands = n;
                return 0;
        }
        for (;;) {
                _cleanup_free_ char *program = NULL;
                bool optional;

                r = exec_line_next(&p, &program, &optional);
                if (r <= 0)
                        return r;
                r = add_command(s, a->key, program, optional);
                if (r < 0)
                        return r;
                TAKE_PTR(program);
        }
}

/* Escapes are part of a unit's name. */
static int add_unit_names(const Assignment *a, char ***list) {
        const char *p = a->value;
        int r;

        for (;;) {
                _cleanup_free_ char *word = NULL, *name = NULL;

                r = word_next(&p, WORD_KEEP_ESCAPES, &word);
                if (r <= 0)
                        return r;
                r = unit_name_expand(a->unit_name, word, &name);
                if (r > 0)
                        r = list_add(list, name);
                if (r < 0)
                        return r;
        }
}

/* Dependencies can't be taken back: the empty assignment does nothing. */
static int parse_dependency(const Assignment *a) {
        return add_unit_names(a, &a->unit->state->dependencies);
}

static int parse_alias(const Assignment *a) {
        if (!*a->value)
                list_reset(&a->unit->aliases);
        return add_unit_names(a, &a->unit->aliases);
}

static int parse_starts(const Assignment *a) {
        _cleanup_free_ char *name = NULL;
        int r;

        r = unit_name_expand(a->unit_name, a->value, &name);
        if (r <= 0)
                return r;
        free(a->unit->state->starts);
        a->unit->state->starts = TAKE_PTR(name);
        return 0;
}

static int parse_environment_file(const Assignment *a) {
        _cleanup_free_ char *path = strdup(a->value[0] == '-' ? a->value + 1 : a->value);

        if (!path)
                return -ENOMEM;
        if (!*a->value)
                list_reset(&a->unit->environment_files);
        return clean_path(path) ? list_add(&a->unit->environment_files, path) : 0;
}

/* "!" asks for a path that is missing, and "|" for one of several: neither says that the program
 * is there whenever the unit runs. */
static int parse_condition(const Assignment *a) {
        UnitState *s = a->unit->state;
        char ***list = startswith(a->key, "Assert") ? &s->asserts : &s->conditions;
        _cleanup_free_ char *path = strdup(a->value);

        if (!path)
                return -ENOMEM;
        return clean_path(path) ? list_add(list, path) : 0;
}

static int parse_flag(const Assignment *a) {
        UnitState *s = a->unit->state;
        bool *flag = streq(a->key, "Accept") ? &s->accept : &s->dynamic_user;
        int r = *a->value ? parse_boolean(a->value) : 0;

        if (r >= 0)
                *flag = r;
        return 0;
}

/* A number needs no line in /etc/passwd, and a specifier can't be told. */
static bool name_is_fixed(const char *name) {
        return *name && !strchr(name, '%') && strspn(name, "0123456789") != strlen(name);
}

static int parse_owner(const Assignment *a) {
        UnitState *s = a->unit->state;
        char **owner = streq(a->key, "User")         ? &s->user
                       : streq(a->key, "Group")      ? &s->group
                       : streq(a->key, "SocketUser") ? &s->socket_user
                                                     : &s->socket_group;
        char *copy = NULL;

        if (name_is_fixed(a->value)) {
                copy = strdup(a->value);
                if (!copy)
                        return -ENOMEM;
        }
        free(*owner);
        *owner = copy;
        return 0;
}

static int parse_supplementary_groups(const Assignment *a) {
        char ***list = &a->unit->state->supplementary_groups;
        const char *p = a->value;
        int r;

        if (!*p)
                list_reset(list);
        for (;;) {
                _cleanup_free_ char *word = NULL;

                r = word_next(&p, 0, &word);
                if (r <= 0)
                        return r;
                r = name_is_fixed(word) ? list_add(list, word) : 0;
                if (r < 0)
                        return r;
        }
}

static const struct {
        const char *key;
        unsigned sections;
        int (*parse)(const Assignment *a);
} assignments[] = {
        { "ExecCondition", SECTION_EXEC, parse_exec },
        { "ExecStartPre", SECTION_EXEC, parse_exec },
        { "ExecStart", SECTION_EXEC, parse_exec },
        { "ExecStartPost", SECTION_EXEC, parse_exec },
        { "ExecReload", SECTION_EXEC, parse_exec },
        { "ExecReloadPost", SECTION_EXEC, parse_exec },
        { "ExecStopPre", SECTION_EXEC, parse_exec },
        { "ExecStop", SECTION_EXEC, parse_exec },
        { "ExecStopPost", SECTION_EXEC, parse_exec },
        { "Requires", SECTION_UNIT, parse_dependency },
        { "Requisite", SECTION_UNIT, parse_dependency },
        { "BindsTo", SECTION_UNIT, parse_dependency },
        { "Wants", SECTION_UNIT, parse_dependency },
        { "Upholds", SECTION_UNIT, parse_dependency },
        { "OnFailure", SECTION_UNIT, parse_dependency },
        { "OnSuccess", SECTION_UNIT, parse_dependency },
        { "Sockets", SECTION_SERVICE, parse_dependency },
        { "Service", SECTION_SOCKET, parse_starts },
        { "Unit", SECTION_TIMER | SECTION_PATH, parse_starts },
        { "Accept", SECTION_SOCKET, parse_flag },
        { "EnvironmentFile", SECTION_EXEC, parse_environment_file },
        { "Alias", SECTION_INSTALL, parse_alias },
        { "User", SECTION_EXEC, parse_owner },
        { "Group", SECTION_EXEC, parse_owner },
        { "SupplementaryGroups", SECTION_EXEC, parse_supplementary_groups },
        { "DynamicUser", SECTION_EXEC, parse_flag },
        { "SocketUser", SECTION_SOCKET, parse_owner },
        { "SocketGroup", SECTION_SOCKET, parse_owner },
        { "ConditionPathExists", SECTION_UNIT, parse_condition },
        { "ConditionFileIsExecutable", SECTION_UNIT, parse_condition },
        { "ConditionFileNotEmpty", SECTION_UNIT, parse_condition },
        { "AssertPathExists", SECTION_UNIT, parse_condition },
        { "AssertFileIsExecutable", SECTION_UNIT, parse_condition },
        { "AssertFileNotEmpty", SECTION_UNIT, parse_condition },
};

static unsigned section_from_string(const char *name) {
        static const struct {
                const char *name;
                unsigned section;
        } sections[] = {
                { "Unit", SECTION_UNIT },           { "Install", SECTION_INSTALL },
                { "Service", SECTION_SERVICE },     { "Socket", SECTION_SOCKET },
                { "Mount", SECTION_MOUNT },         { "Swap", SECTION_SWAP },
                { "Timer", SECTION_TIMER },         { "Path", SECTION_PATH },
                { "Automount", SECTION_AUTOMOUNT },
        };

        for (size_t i = 0; i < ELEMENTSOF(sections); i++)
                if (streq(name, sections[i].name))
                        return sections[i].section;
        return 0;
}

static int parse_assignment(Unit *unit, const char *unit_name, char *line) {
        UnitState *s = unit->state;
        char *equals = strchr(line, '=');
        const char *key, *value;

        if (!equals || !s->section)
                return 0;
        *equals = '\0';
        key = str_strip(line);
        value = str_strip(equals + 1);

        /* The empty assignment of any condition takes all of them back. */
        if (!*value && s->section == SECTION_UNIT && startswith(key, "Condition"))
                list_reset(&s->conditions);
        if (!*value && s->section == SECTION_UNIT && startswith(key, "Assert"))
                list_reset(&s->asserts);
        for (size_t i = 0; i < ELEMENTSOF(assignments); i++)
                if ((assignments[i].sections & s->section) && streq(assignments[i].key, key)) {
                        Assignment a = { unit, unit_name, assignments[i].key, value };
                        int r = assignments[i].parse(&a);

                        return r == -EINVAL ? 0 : r;
                }
        return 0;
}

/* A logical line, stripped of white space in front. */
static int parse_line(Unit *unit, const char *unit_name, char *line) {
        size_t n;

        line = str_strip(line);
        n = strlen(line);
        if (line[0] != '[')
                return parse_assignment(unit, unit_name, line);
        if (line[n - 1] != ']')
                return 0;
        line[n - 1] = '\0';
        unit->state->section = section_from_string(line + 1);
        unit->state->seen |= unit->state->section;
        return 0;
}

/* An even number of backslashes is just that many backslashes. */
static bool ends_in_backslash(const char *line, size_t n) {
        size_t i = n;

        while (i > 0 && line[i - 1] == '\\')
                i--;
        return (n - i) % 2 == 1;
}

/* Joins physical lines, from which comments are dropped even where a line goes on behind them. */
static int parse_text(Unit *unit, const char *name, const char *text, size_t size) {
        const char *end = text + size, *begin;
        _cleanup_free_ char *line = malloc(size + 1);
        size_t n = 0, length;
        int r;

        if (!line)
                return -ENOMEM;
        unit->state->section = 0;
        if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
                text += 3;
        while (line_next(&text, end, &begin, &length)) {
                if (length > 0 && (*begin == '#' || *begin == ';'))
                        continue;
                memcpy(line + n, begin, length);
                n += length;
                line[n] = '\0';
                if (ends_in_backslash(line, n)) {
                        line[n - 1] = ' ';
                        continue;
                }
                r = parse_line(unit, name, line);
                if (r < 0)
                        return r;
                n = 0;
        }
        /* A line that would go on behind the end of the file. */
        return n > 0 ? parse_line(unit, name, line) : 0;
}

/* A program is optional when every command that names it may fail, or when the unit only runs if
 * it is there. */
static int settle_programs(Unit *unit) {
        const UnitState *s = unit->state;
        UnitProgram *programs = calloc(s->n_commands + 1, sizeof(UnitProgram));
        size_t n = 0, i;

        if (!programs)
                return -ENOMEM;
        for (size_t k = 0; k < s->n_commands; k++) {
                const Command *c = &s->commands[k];
                bool optional = c->optional || strv_contains(s->conditions, c->path) ||
                                strv_contains(s->asserts, c->path);

                for (i = 0; i < n && !streq(programs[i].path, c->path); i++)
                        ;
                if (i < n) {
                        programs[i].optional &= optional;
                        continue;
                }
                programs[n].path = strdup(c->path);
                if (!programs[n].path) {
                        programs_free(programs, n);
                        return -ENOMEM;
                }
                programs[n++].optional = optional;
        }
        programs_free(unit->programs, unit->n_programs);
        unit->programs = programs;
        unit->n_programs = n;
        return 0;
}

/* The unit that a socket, timer, path or automount is there to start; NULL for other types. */
static int started_unit(const UnitState *s, const char *unit_name, char **ret) {
        char *name = NULL;

        if (s->seen & (SECTION_SOCKET | SECTION_TIMER | SECTION_PATH | SECTION_AUTOMOUNT)) {
                if (s->starts)
                        name = strdup(s->starts);
                else if (s->seen & SECTION_AUTOMOUNT)
                        name = unit_name_activated(unit_name, ".mount", false);
                else
                        name = unit_name_activated(unit_name, ".service", s->accept);
                if (!name)
                        return -ENOMEM;
        }
        *ret = name;
        return 0;
}

static int settle_needs(Unit *unit, const char *unit_name) {
        const UnitState *s = unit->state;
        _cleanup_strv_free_ char **needs = NULL;
        _cleanup_free_ char *started = NULL;
        int r;

        r = started_unit(s, unit_name, &started);
        if (r < 0)
                return r;
        if (s->dependencies) {
                needs = strv_copy(s->dependencies);
                if (!needs)
                        return -ENOMEM;
        }
        if (started && unit_name_is_valid(started)) {
                r = strv_extend_unique(&needs, started);
                if (r < 0)
                        return r;
        }
        strv_free(unit->needs);
        unit->needs = TAKE_PTR(needs);
        return 0;
}

/* systemd makes up a dynamic user when it starts the service. */
static int settle_owners(Unit *unit) {
        const UnitState *s = unit->state;
        const char *user = s->dynamic_user ? NULL : s->user;
        const char *group = s->dynamic_user ? NULL : s->group;
        _cleanup_strv_free_ char **users = NULL, **groups = NULL;
        int r = 0;

        if (user)
                r = strv_extend_unique(&users, user);
        if (r >= 0 && s->socket_user)
                r = strv_extend_unique(&users, s->socket_user);
        if (r >= 0 && group)
                r = strv_extend_unique(&groups, group);
        if (r >= 0 && s->socket_group)
                r = strv_extend_unique(&groups, s->socket_group);
        STRV_FOREACH(name, s->supplementary_groups) {
                if (r >= 0)
                        r = strv_extend_unique(&groups, *name);
        }
        if (r < 0)
                return r;
        strv_free(unit->users);
        strv_free(unit->groups);
        unit->users = TAKE_PTR(users);
        unit->groups = TAKE_PTR(groups);
        return 0;
}

int unit_parse(Unit *unit, const char *name, const char *text, size_t size) {
        int r;

        if (size > UNIT_SIZE_MAX)
                return -EFBIG;
        r = parse_text(unit, name, text, size);
        if (r >= 0)
                r = settle_programs(unit);
        if (r >= 0)
                r = settle_needs(unit, name);
        if (r >= 0)
                r = settle_owners(unit);
        return r;
}
