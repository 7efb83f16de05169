/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A plan is found by trying. Each round chooses what must be there on its own account (the roots),
 * adds what that requires until nothing is added any more, then what is wanted, and looks for a
 * module that can't be: one that conflicts with a better claim, or that requires what is out. That
 * module is put out, and the next round begins anew, so that nothing stays which was there only for
 * its sake. Each round puts one out, so there are at most as many as modules. Rounds go over the
 * modules by name: the same in gives the same out.
 *
 * Claims are what makes this decidable: a module's is the best of its own and of those that require
 * it. A module with a claim of its machine's or its admin's is never put out in silence; that is a
 * failure which names who needs whom.
 */

#include <stdio.h>

#include "describe/plan.h"
#include "string-util.h"

typedef enum Claim {
        CLAIM_WANTED,
        CLAIM_GENERIC,
        CLAIM_NEEDED, /* always, or by a fact */
        CLAIM_NAMED, /* by the profile */
} Claim;

typedef enum Out {
        OUT_NO,
        OUT_LEFT, /* -NAME in the profile */
        OUT_CONFLICT, /* with `rival` */
        OUT_DROPPED, /* requires what is out, and nobody insists */
} Out;

typedef struct Candidate {
        const Module *module;
        Out out;
        const Module *rival;

        /* Of this round. */
        bool in;
        Claim claim;
        PlanReason reason;
        const char *detail;
} Candidate;

typedef struct Search {
        const Modules *modules;
        const Profile *profile;
        const Facts *facts;
        Report *report;
        Candidate *candidates; /* as in `modules`, by name */
        size_t n;
} Search;

static int compare_name(const void *name, const void *candidate) {
        return strcmp(name, ((const Candidate *) candidate)->module->name);
}

static Candidate *find(const Search *s, const char *name) {
        return bsearch(name, s->candidates, s->n, sizeof(Candidate), compare_name);
}

static bool add(Candidate *c, Claim claim, PlanReason reason, const char *detail) {
        bool changed = !c->in || claim > c->claim;

        if (!c->in) {
                c->in = true;
                c->claim = claim;
                c->reason = reason;
                c->detail = detail;
        } else if (claim > c->claim)
                c->claim = claim;
        return changed;
}

/* What is there on its own account. */
static void add_root(const Search *s, Candidate *c) {
        const Module *m = c->module;
        bool named = strv_contains(s->profile->modules, m->name);
        bool generic = s->profile->mode == MODE_GENERIC || s->facts->generic;

        if (m->always)
                add(c, CLAIM_NEEDED, PLAN_ALWAYS, NULL);
        if (named)
                add(c, CLAIM_NAMED, PLAN_PROFILE, NULL);
        if (c->in || !m->needed || !m->modes[s->profile->mode])
                return;

        STRV_FOREACH(tag, m->needed) {
                if (generic && facts_match_any(s->facts, *tag)) {
                        add(c, CLAIM_GENERIC, PLAN_GENERIC, NULL);
                        return;
                }
                if (!generic && facts_match(s->facts, *tag)) {
                        add(c, CLAIM_NEEDED, PLAN_FACT, *tag);
                        return;
                }
        }
}

/* `c` requires `other`, which is out. 1 when `c` is put out for it. */
static int require_what_is_out(const Search *s, Candidate *c, const ModuleOrigin *from,
                               const Candidate *other) {
        const ProfileOrigin *o = &s->profile->origins[PROFILE_MODULES];
        const char *a = c->module->name, *b = other->module->name;

        if (other->out == OUT_LEFT && c->claim > CLAIM_WANTED)
                return report_fail(s->report, FAILURE_CONFIG_INVALID, -EINVAL, o->path, o->line,
                                   "Modules=-%s leaves out what the module %s requires, leave out "
                                   "%s too or neither",
                                   b, a, a);
        if (other->out == OUT_CONFLICT && c->claim > CLAIM_GENERIC)
                return report_fail(s->report, FAILURE_CONFIG_INVALID, -EINVAL, from->path,
                                   from->line,
                                   "The module %s requires %s, which conflicts with %s, leave out "
                                   "one of them with Modules=-NAME",
                                   a, b, other->rival->name);
        c->out = OUT_DROPPED;
        return 1;
}

/* Adds what modules require, and what that requires. 1 when one was put out. */
static int add_required(const Search *s) {
        bool changed = true;

        while (changed) {
                changed = false;
                for (size_t i = 0; i < s->n; i++) {
                        Candidate *c = &s->candidates[i];

                        for (size_t k = 0; c->in && c->module->requires && c->module->requires[k];
                             k++) {
                                const ModuleOrigin *from = &c->module->requires_from[k];
                                const char *name = c->module->requires[k];
                                Candidate *other = find(s, name);

                                if (!other)
                                        return report_fail(s->report, FAILURE_CONFIG_INVALID,
                                                           -ENOENT, from->path, from->line,
                                                           "The module %s requires %s, which "
                                                           "doesn't exist",
                                                           c->module->name, name);
                                if (other->out != OUT_NO)
                                        return require_what_is_out(s, c, from, other);
                                if (add(other, c->claim, PLAN_REQUIRED, c->module->name))
                                        changed = true;
                        }
                }
        }
        return 0;
}

static bool add_wanted(const Search *s) {
        bool changed = false;

        for (size_t i = 0; i < s->n; i++) {
                const Candidate *c = &s->candidates[i];

                if (!c->in)
                        continue;
                STRV_FOREACH(name, c->module->wants) {
                        Candidate *other = find(s, *name);

                        if (other && other->out == OUT_NO && !other->in)
                                changed |= add(other, CLAIM_WANTED, PLAN_WANTED, c->module->name);
                }
        }
        return changed;
}

/* Both are in. 1: one was put out. */
static int settle_conflict(const Search *s, Candidate *a, Candidate *b) {
        const ProfileOrigin *o = &s->profile->origins[PROFILE_MODULES];
        Candidate *loser = a->claim < b->claim ? a : b;
        bool named = a->claim == CLAIM_NAMED;

        if (a->claim == b->claim && a->claim >= CLAIM_NEEDED)
                return report_fail(s->report, FAILURE_CONFIG_INVALID, -EINVAL,
                                   named ? o->path : NULL, named ? o->line : 0,
                                   "The modules %s and %s conflict, and both are asked for; leave "
                                   "out one with Modules=-%s or Modules=-%s",
                                   a->module->name, b->module->name, a->module->name,
                                   b->module->name);
        loser->out = OUT_CONFLICT;
        loser->rival = loser == a ? b->module : a->module;
        return 1;
}

static int settle_conflicts(const Search *s) {
        for (size_t i = 0; i < s->n; i++)
                for (size_t j = i + 1; j < s->n; j++) {
                        Candidate *a = &s->candidates[i], *b = &s->candidates[j];

                        if (a->in && b->in &&
                            (strv_contains(a->module->conflicts, b->module->name) ||
                             strv_contains(b->module->conflicts, a->module->name)))
                                return settle_conflict(s, a, b);
                }
        return 0;
}

/* 1: somebody was put out, another round is needed; 0: this is it. */
static int search_round(const Search *s) {
        int r;

        for (size_t i = 0; i < s->n; i++) {
                s->candidates[i].in = false;
                if (s->candidates[i].out == OUT_NO)
                        add_root(s, &s->candidates[i]);
        }
        do {
                r = add_required(s);
                if (r != 0)
                        return r;
        } while (add_wanted(s));
        return settle_conflicts(s);
}

/* What the profile says by name must be there to be said. */
static int search_names(const Search *s) {
        const ProfileOrigin *o = &s->profile->origins[PROFILE_MODULES];

        STRV_FOREACH(word, s->profile->modules) {
                bool leave = **word == '-';
                Candidate *c = find(s, *word + leave);

                if (c && leave)
                        c->out = OUT_LEFT;
                else if (!c && leave)
                        report_warn(s->report, o->path, o->line,
                                    "Modules=%s: there is no module of that name", *word);
                else if (!c)
                        return report_fail(s->report, FAILURE_CONFIG_INVALID, -ENOENT, o->path,
                                           o->line, "Modules=%s: there is no module of that name",
                                           *word);
        }
        return 0;
}

static bool is_ready(const Search *s, const Candidate *c) {
        STRV_FOREACH(name, c->module->requires)
                if (find(s, *name)->in)
                        return false;
        return true;
}

/* The first requirement of `c` that is not placed, and where it stands. */
static const Candidate *unplaced(const Search *s, const Candidate *c,
                                 const ModuleOrigin **ret_from) {
        for (size_t k = 0;; k++) {
                const Candidate *other = find(s, c->module->requires[k]);

                if (!other->in)
                        continue;
                *ret_from = &c->module->requires_from[k];
                return other;
        }
}

/* Nobody who is left is ready: whoever one begins with, what they require leads into a circle. */
static int fail_cycle(const Search *s) {
        const Candidate *c = NULL, *first;
        const ModuleOrigin *from, *next_from;
        _cleanup_free_ char *circle = NULL;
        size_t size;
        FILE *f;

        for (size_t i = 0; !c && i < s->n; i++)
                if (s->candidates[i].in)
                        c = &s->candidates[i];

        /* After as many steps as there are modules it is in the circle, after as many again it has
         * seen all of it: the first by name begins the sentence. */
        for (size_t step = 0; step < s->n; step++)
                c = unplaced(s, c, &from);
        first = c;
        for (size_t step = 0; step < s->n; step++) {
                c = unplaced(s, c, &from);
                if (c < first)
                        first = c;
        }

        f = open_memstream(&circle, &size);
        if (!f)
                return report_oom(s->report);
        fputs(first->module->name, f);
        c = unplaced(s, first, &from);
        fprintf(f, " requires %s", c->module->name);
        while (c != first) {
                c = unplaced(s, c, &next_from);
                fprintf(f, " requires %s", c->module->name);
        }
        if (fclose(f) != 0)
                return report_oom(s->report);
        return report_fail(s->report, FAILURE_CONFIG_INVALID, -ELOOP, from->path, from->line,
                           "Modules require each other in a circle: %s", circle);
}

/* Always the first by name of those whose requirements are all there. An item that is placed is
 * not `in` any more. */
static int search_order(const Search *s, Plan *plan) {
        size_t left = 0;

        for (size_t i = 0; i < s->n; i++)
                left += s->candidates[i].in;
        plan->items = calloc(left + 1, sizeof(PlanItem));
        if (!plan->items)
                return report_oom(s->report);

        for (; left > 0; left--) {
                PlanItem *item = &plan->items[plan->n_items];
                Candidate *c = NULL;

                for (size_t i = 0; !c && i < s->n; i++)
                        if (s->candidates[i].in && is_ready(s, &s->candidates[i]))
                                c = &s->candidates[i];
                if (!c)
                        return fail_cycle(s);

                c->in = false;
                *item = (PlanItem) {
                        .module = c->module,
                        .reason = c->reason,
                        .detail = c->detail ? strdup(c->detail) : NULL,
                        .droppable = c->claim < CLAIM_NEEDED,
                };
                plan->n_items++;
                if (c->detail && !item->detail)
                        return report_oom(s->report);
        }
        return 0;
}

int plan_new(Plan **ret, const Modules *modules, const Profile *profile, const Facts *facts,
             Report *report) {
        _cleanup_(plan_freep) Plan *plan = calloc(1, sizeof(Plan));
        _cleanup_free_ Candidate *candidates = calloc(modules->n_modules + 1, sizeof(Candidate));
        Search s = { modules, profile, facts, report, candidates, modules->n_modules };
        int r;

        if (!plan || !candidates)
                return report_oom(report);
        for (size_t i = 0; i < s.n; i++)
                candidates[i].module = modules->modules[i];

        r = search_names(&s);
        if (r < 0)
                return r;
        do {
                r = search_round(&s);
                if (r < 0)
                        return r;
        } while (r > 0);
        r = search_order(&s, plan);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}

Plan *plan_free(Plan *plan) {
        if (!plan)
                return NULL;
        for (size_t i = 0; i < plan->n_items; i++)
                free(plan->items[i].detail);
        free(plan->items);
        free(plan);
        return NULL;
}

const PlanItem *plan_find(const Plan *plan, const char *name) {
        for (size_t i = 0; i < plan->n_items; i++)
                if (streq(plan->items[i].module->name, name))
                        return &plan->items[i];
        return NULL;
}

int plan_item_describe(const PlanItem *item, char **ret) {
        static const char *const words[] = {
                [PLAN_ALWAYS] = "always",
                [PLAN_PROFILE] = "profile",
                [PLAN_FACT] = "fact ",
                [PLAN_GENERIC] = "generic",
                [PLAN_REQUIRED] = "required by ",
                [PLAN_WANTED] = "wanted by ",
        };

        return str_printf(ret, "%s%s", words[item->reason], item->detail ?: "");
}
