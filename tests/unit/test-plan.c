/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "conf-tree.h"
#include "describe/plan.h"

/* Modules out of text, "NAME: KEY=VALUE; KEY=VALUE" each; each assignment is a line of its own
 * below [Module], so that the first is line 2. By name, as modules_load() has them. */
static Modules *make_modules(const char *const *texts) {
        _cleanup_(modules_freep) Modules *modules = calloc(1, sizeof(Modules));
        size_t n = 0;

        while (texts[n])
                n++;
        modules->modules = calloc(n + 1, sizeof(Module *));
        for (size_t i = 0; i < n; i++) {
                const char *colon = strchr(texts[i], ':');
                _cleanup_free_ char *name = strndup(texts[i], (size_t) (colon - texts[i])),
                                    *text = NULL, *path = NULL;
                _cleanup_told_ Told told;
                Module *m;

                told_init(&told);
                assert_int_equal(str_printf(&path, "/%s.module", name), 0);
                assert_int_equal(str_printf(&text, "[Module]\n%s", colon + 1), 0);
                for (char *c = text; *c; c++)
                        if (*c == ';')
                                *c = '\n';
                assert_int_equal(module_new(&m, name), 0);
                modules->modules[modules->n_modules++] = m;
                assert_int_equal(module_parse(m, &told.report, path, text, strlen(text)), 0);
                assert_true(i == 0 || strcmp(modules->modules[i - 1]->name, name) < 0);
        }
        return TAKE_PTR(modules);
}

typedef struct Case {
        Mode mode;
        const char *profile; /* Modules= */
        const char *tags; /* NULL: generic facts */
        const char *modules[8];
        /* "NAME (REASON)" each, with a "?" if it is droppable; or NULL, and the failure */
        const char *plan;
        const char *path;
        unsigned line;
        const char *message;
} Case;

static Plan *make_plan(const Case *c, Told *told, Modules **ret_modules) {
        _cleanup_(modules_freep) Modules *modules = make_modules(c->modules);
        _cleanup_(profile_freep) Profile *profile = NULL;
        _cleanup_strv_free_ char **tags = NULL;
        Facts facts = { .generic = !c->tags };
        Plan *plan = NULL;
        int r;

        told_init(told);
        assert_int_equal(profile_new(&profile, "default"), 0);
        assert_int_equal(profile_assign(profile, &told->report, "/p", 7, "Modules",
                                        c->profile ?: ""), 0);
        assert_int_equal(profile_settle(profile, &told->report), 0);
        profile->path = strdup("/p");
        profile->mode = c->mode;
        assert_int_equal(strv_split(&tags, c->tags ?: "", " "), 0);
        facts.tags = tags;

        r = plan_new(&plan, modules, profile, &facts, &told->report);
        assert_int_equal(r < 0, !plan);
        *ret_modules = TAKE_PTR(modules);
        return plan;
}

static char *describe(const Plan *plan) {
        _cleanup_strv_free_ char **words = NULL;

        for (size_t i = 0; i < plan->n_items; i++) {
                const PlanItem *item = &plan->items[i];
                _cleanup_free_ char *reason = NULL;
                char *word;

                assert_int_equal(plan_item_describe(item, &reason), 0);
                assert_int_equal(str_printf(&word, "%s (%s)%s", item->module->name, reason,
                                            item->droppable ? "?" : ""), 0);
                assert_int_equal(strv_consume(&words, word), 0);
        }
        return strv_join(words, ", ");
}

static void run(const Case *cases, size_t n) {
        for (size_t i = 0; i < n; i++) {
                const Case *c = &cases[i];
                _cleanup_(modules_freep) Modules *modules = NULL;
                _cleanup_(plan_freep) Plan *plan = NULL;
                _cleanup_free_ char *described = NULL;
                _cleanup_told_ Told told;

                plan = make_plan(c, &told, &modules);
                if (!c->plan) {
                        assert_null(plan);
                        told_failure(&told, c->path, c->line, c->message);
                        continue;
                }
                assert_null(told.report.failure.message);
                assert_non_null(plan);
                described = describe(plan);
                assert_string_equal(described, c->plan);
                assert_string_equal(told.text, c->message ?: "");
        }
}

/* Who is there on its own account, by mode and facts. */
static void test_roots(void **state) {
        static const Case cases[] = {
                { MODE_HOST, NULL, "fs:ext4 net", { NULL }, "" },
                { MODE_HOST, "d", "fs:ext4 net",
                  { "a:Always=yes", "b:Needed=fs:xfs fs:ext*", "c:Needed=block:lvm", "d:", "e:" },
                  "a (always), b (fact fs:ext*), d (profile)" },
                { MODE_GENERIC, "d", "fs:ext4",
                  { "a:Always=yes", "b:Needed=fs:ext4", "c:Needed=block:lvm", "d:", "e:" },
                  "a (always), b (generic)?, c (generic)?, d (profile)" },
                /* Nothing is known of the machine. */
                { MODE_HOST, NULL, NULL,
                  { "a:Always=yes", "b:Needed=fs:ext4", "c:Needed=x;Modes=generic" },
                  "a (always), b (generic)?" },
                /* Modes= is about facts alone. */
                { MODE_STRICT, "c", "x",
                  { "a:Needed=x;Modes=host generic", "b:Needed=x;Modes=strict",
                    "c:Modes=host", "d:Always=yes;Modes=host" },
                  "b (fact x), c (profile), d (always)" },
                /* The admin's word counts for more than a guess, and says so. */
                { MODE_GENERIC, "a b", NULL, { "a:Always=yes", "b:Needed=x" },
                  "a (always), b (profile)" },
                { MODE_HOST, "-a -b", "x", { "a:Always=yes", "b:Needed=x", "c:Needed=x" },
                  "c (fact x)" },
        };

        run(cases, ELEMENTSOF(cases));
}

/* What comes with whom, in which order, and whether it may go. */
static void test_closure(void **state) {
        static const Case cases[] = {
                { MODE_HOST, "a", "",
                  { "a:Requires=z", "b:Always=yes", "y:", "z:Requires=y" },
                  "b (always), y (required by z), z (required by a), a (profile)" },
                /* By name where nothing else is said, and not by who asked first. */
                { MODE_HOST, "d c", "", { "a:Always=yes", "b:", "c:Requires=b", "d:Requires=a" },
                  "a (always), b (required by c), c (profile), d (profile)" },
                { MODE_HOST, "a", "", { "a:Wants=b nowhere", "b:Requires=c", "c:" },
                  "a (profile), c (required by b)?, b (wanted by a)?" },
                /* Of a generic one all may go; what a firm one requires too may not. */
                { MODE_GENERIC, "c", "", { "a:Needed=x;Requires=b d", "b:", "c:Requires=d", "d:" },
                  "b (required by a)?, d (required by a), a (generic)?, c (profile)" },
                { MODE_HOST, "c", "", { "a:", "b:Requires=a", "c:Wants=a;Requires=b" },
                  "a (required by b), b (required by c), c (profile)" },
                /* Wishes go on. */
                { MODE_HOST, "a", "", { "a:Wants=b", "b:Wants=c", "c:Wants=a" },
                  "a (profile), b (wanted by a)?, c (wanted by b)?" },
        };

        run(cases, ELEMENTSOF(cases));
}

/* What the profile leaves out: in silence what was only wanted, else both are named. */
static void test_left_out(void **state) {
        static const Case cases[] = {
                { MODE_HOST, "a -b", "", { "a:Wants=b", "b:" }, "a (profile)" },
                { MODE_HOST, "a -c", "", { "a:Wants=b", "b:Requires=c", "c:" }, "a (profile)" },
                /* Also through one more: nobody insists on b or d. */
                { MODE_HOST, "a -c", "", { "a:Wants=b", "b:Requires=d", "c:", "d:Requires=c" },
                  "a (profile)" },
                { MODE_HOST, "a -b", "", { "a:Requires=b", "b:" }, NULL, "/p", 7,
                  "Modules=-b leaves out what the module a requires, leave out a too or neither" },
                { MODE_HOST, "a -c", "", { "a:Requires=b", "b:Requires=c", "c:" }, NULL, "/p", 7,
                  "Modules=-c leaves out what the module b requires, leave out b too or neither" },
                { MODE_GENERIC, "-b", "", { "a:Needed=x;Requires=b", "b:Needed=x" }, NULL, "/p", 7,
                  "Modules=-b leaves out what the module a requires, leave out a too or neither" },
                { MODE_HOST, "-b", "x", { "a:Needed=x;Requires=b", "b:" }, NULL, "/p", 7,
                  "Modules=-b leaves out what the module a requires, leave out a too or neither" },
                { MODE_HOST, "-a -b", "x", { "a:Needed=x;Requires=b", "b:Needed=x" }, "" },
        };

        run(cases, ELEMENTSOF(cases));
}

static void test_missing(void **state) {
        static const Case cases[] = {
                { MODE_HOST, "a", "", { "a:Description=x;Requires=b c", "b:" }, NULL,
                  "/a.module", 3, "The module a requires c, which doesn't exist" },
                { MODE_HOST, "a", "", { "a:Wants=b", "b:Requires=gone" }, NULL,
                  "/b.module", 2, "The module b requires gone, which doesn't exist" },
                /* Not in the plan, not in the way. */
                { MODE_HOST, "a", "", { "a:", "b:Requires=gone" }, "a (profile)" },
                { MODE_HOST, "gone", "", { "a:" }, NULL, "/p", 7,
                  "Modules=gone: there is no module of that name" },
                { MODE_HOST, "-gone", "", { "a:Always=yes" }, "a (always)", NULL, 0,
                  "/p:7: Modules=-gone: there is no module of that name\n" },
        };

        run(cases, ELEMENTSOF(cases));
}

static void test_cycles(void **state) {
        static const Case cases[] = {
                { MODE_HOST, "a", "", { "a:Requires=b", "b:Requires=a" }, NULL, "/a.module", 2,
                  "Modules require each other in a circle: a requires b requires a" },
                /* Who only leads into it is not named. */
                { MODE_HOST, "a", "",
                  { "a:Requires=b", "b:Requires=c x", "c:Requires=d", "d:Wants=x;Requires=b", "x:" },
                  NULL, "/b.module", 2,
                  "Modules require each other in a circle: b requires c requires d requires b" },
                /* A wish is no requirement; and a circle that isn't in the plan none of its. */
                { MODE_HOST, "a", "", { "a:Wants=b", "b:Requires=a" }, "a (profile), b (wanted by a)?" },
                { MODE_HOST, "a", "", { "a:", "b:Requires=c", "c:Requires=b" }, "a (profile)" },
        };

        run(cases, ELEMENTSOF(cases));
}

/* Of two the one with the better claim stays, whoever of them says so. */
static void test_conflicts(void **state) {
        static const Case cases[] = {
                { MODE_GENERIC, "b", "", { "a:Needed=x", "b:Conflicts=a" }, "b (profile)" },
                { MODE_GENERIC, "b", "", { "a:Needed=x;Conflicts=b", "b:" }, "b (profile)" },
                { MODE_HOST, "b", "x", { "a:Needed=x;Conflicts=b", "b:" }, "b (profile)" },
                { MODE_HOST, "b", "x", { "a:Always=yes;Conflicts=b", "b:" }, "b (profile)" },
                { MODE_GENERIC, "c", "", { "a:Needed=x", "b:Conflicts=a", "c:Wants=b" },
                  "a (generic)?, c (profile)" },
                /* Equal and light: by name. */
                { MODE_GENERIC, NULL, "", { "a:Needed=x", "b:Needed=x;Conflicts=a" },
                  "a (generic)?" },
                /* Who comes only with the loser goes with it, who requires it too. */
                { MODE_GENERIC, "d", "",
                  { "a:Needed=x;Requires=b", "b:Requires=c;Conflicts=d", "c:", "d:" },
                  "d (profile)" },
                /* What is required has its requirer's claim. */
                { MODE_GENERIC, "c", "", { "a:Needed=x;Conflicts=b", "b:", "c:Requires=b" },
                  "b (required by c), c (profile)" },
                /* Who conflicts with nobody that is there conflicts with nobody. */
                { MODE_HOST, "a", "", { "a:Conflicts=b nowhere", "b:" }, "a (profile)" },
                { MODE_HOST, "a b", "", { "a:", "b:Conflicts=a" }, NULL, "/p", 7,
                  "The modules a and b conflict, and both are asked for; leave out one with "
                  "Modules=-a or Modules=-b" },
                { MODE_HOST, NULL, "x y", { "a:Needed=x", "b:Needed=y;Conflicts=a" }, NULL, NULL, 0,
                  "The modules a and b conflict, and both are asked for; leave out one with "
                  "Modules=-a or Modules=-b" },
                { MODE_HOST, "c", "x", { "a:Needed=x;Requires=b", "b:", "c:Conflicts=b" }, NULL,
                  "/a.module", 3,
                  "The module a requires b, which conflicts with c, leave out one of them with "
                  "Modules=-NAME" },
        };

        run(cases, ELEMENTSOF(cases));
}

/* Nothing of another architecture, as far as the root's is known. */
static void test_arch(void **state) {
        static const char *const texts[] = {
                "a:Needed=arch:arm arch:arm64", "b:Needed=arch:x86", "c:Needed=arch:arm fs:ext4",
                "d:Needed=arch:*", "e:Needed=*", "f:Needed=arch:riscv", NULL,
        };
        static const struct {
                const char *tags[3], *plan;
        } cases[] = {
                { { "arch:x86" }, "b c d e" },
                { { "arch:arm", "arch:arm64" }, "a c d e" },
                { { NULL }, "a b c d e f" },
        };
        _cleanup_(modules_freep) Modules *modules = make_modules(texts);

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                for (Mode mode = 0; mode < _MODE_MAX; mode++) {
                        _cleanup_(profile_freep) Profile *profile = NULL;
                        _cleanup_(plan_freep) Plan *plan = NULL;
                        _cleanup_strv_free_ char **names = NULL;
                        _cleanup_free_ char *joined = NULL;
                        const Facts facts = { .generic = true, .tags = (char **) cases[i].tags };
                        _cleanup_told_ Told told;

                        told_init(&told);
                        assert_int_equal(profile_new(&profile, "default"), 0);
                        profile->mode = mode;
                        assert_int_equal(plan_new(&plan, modules, profile, &facts, &told.report), 0);
                        for (size_t k = 0; k < plan->n_items; k++)
                                assert_int_equal(strv_extend(&names, plan->items[k].module->name), 0);
                        joined = strv_join(names, " ");
                        assert_string_equal(joined, cases[i].plan);
                }
}

/* The modules that ship, of the source directory: FIXTURES itself need not be there. */
static Modules *load_shipped(Source *source, Told *told) {
        _cleanup_free_ char *tests = path_dirname(FIXTURES), *shipped = NULL;
        Modules *modules = NULL;

        told_init(told);
        shipped = path_join(tests, "../modules");
        assert_int_equal(source_bind(source, "/usr/lib/initrdd/modules.d", shipped), 0);
        if (modules_load(source, NULL, &told->report, &modules) < 0)
                fail_msg("%s:%u: %s", told->report.failure.path, told->report.failure.line,
                         told->report.failure.message);
        return modules;
}

/* A token that a LUKS header names has what it needs in the image of that host, or there is none; and no
 * image has that of another. */
static void test_tokens(void **state) {
        static const char *const tokens[] = { "tpm2", "fido2", "pkcs11" };
        _cleanup_(source_freep) Source *source = conf_tree_source(*state);
        _cleanup_(modules_freep) Modules *modules = NULL;
        _cleanup_told_ Told told;

        modules = load_shipped(source, &told);
        for (size_t t = 0; t < ELEMENTSOF(tokens); t++) {
                const char *tags[] = { "block:crypt", "block:dm", "fs:ext4", tokens[t], NULL };
                const Facts facts = { .tags = (char **) tags };
                _cleanup_(profile_freep) Profile *profile = NULL;
                _cleanup_(plan_freep) Plan *plan = NULL;
                size_t found = 0;

                assert_int_equal(profile_new(&profile, "default"), 0);
                profile->mode = MODE_HOST;
                assert_int_equal(plan_new(&plan, modules, profile, &facts, &told.report), 0);
                for (size_t i = 0; i < plan->n_items; i++)
                        for (size_t k = 0; k < ELEMENTSOF(tokens); k++)
                                if (streq(plan->items[i].module->name, tokens[k])) {
                                        assert_string_equal(tokens[k], tokens[t]);
                                        assert_false(plan->items[i].droppable);
                                        found++;
                                }
                assert_int_equal(found, 1);
        }
}

/* The modules that ship: every file is right, whatever is required exists, and each mode has a plan
 * in which nothing that is there for every image may be dropped. */
static void test_shipped(void **state) {
        _cleanup_(source_freep) Source *source = conf_tree_source(*state);
        _cleanup_(modules_freep) Modules *modules = NULL;
        _cleanup_(profile_freep) Profile *profile = NULL;
        const Facts facts = { .generic = true };
        _cleanup_told_ Told told;

        modules = load_shipped(source, &told);
        assert_true(modules->n_modules > 0);
        assert_int_equal(profile_new(&profile, "default"), 0);
        /* Also those that no tag chooses. */
        for (size_t i = 0; i < modules->n_modules; i++)
                STRV_FOREACH(name, modules->modules[i]->requires)
                        assert_non_null(modules_find(modules, *name));

        for (profile->mode = 0; profile->mode < _MODE_MAX; profile->mode++) {
                _cleanup_(plan_freep) Plan *plan = NULL;

                if (plan_new(&plan, modules, profile, &facts, &told.report) < 0)
                        fail_msg("%s", told.report.failure.message);
                for (size_t i = 0; i < plan->n_items; i++)
                        assert_true(!plan->items[i].module->always || !plan->items[i].droppable);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_roots),
                cmocka_unit_test(test_closure),
                cmocka_unit_test(test_left_out),
                cmocka_unit_test(test_missing),
                cmocka_unit_test(test_cycles),
                cmocka_unit_test(test_conflicts),
                cmocka_unit_test(test_arch),
                cmocka_unit_test_setup_teardown(test_tokens, conf_tree_setup, conf_tree_teardown),
                cmocka_unit_test_setup_teardown(test_shipped, conf_tree_setup, conf_tree_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
