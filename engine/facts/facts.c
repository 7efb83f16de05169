/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Facts as a value: made, asked, freed. Who finds them out is in facts-host.c, how they are
 * written down in facts-json.c.
 *
 * A tag is all that a module file ever sees of a machine, so facts that come from a file, from
 * another machine or from this one are the same to the plan. There is no negation: a module that
 * is wanted when something is absent would make an image depend on what was overlooked.
 */

#include <fnmatch.h>

#include "facts-host.h"
#include "string-util.h"

void facts_mount_done(FactsMount *m) {
        free(m->where);
        free(m->what);
        free(m->type);
        free(m->options);
        strv_free(m->devices);
}

void facts_crypt_done(FactsCrypt *c) {
        free(c->name);
        free(c->device);
        free(c->key);
        free(c->options);
}

void facts_iscsi_done(FactsIscsi *i) {
        free(i->target);
        free(i->address);
        free(i->port);
        free(i->group);
        free(i->initiator);
}

Facts *facts_free(Facts *facts) {
        if (!facts)
                return NULL;
        strv_free(facts->tags);
        strv_free(facts->modaliases);
        strv_free(facts->mapped);
        for (size_t i = 0; i < facts->n_mounts; i++)
                facts_mount_done(&facts->mounts[i]);
        free(facts->mounts);
        for (size_t i = 0; i < facts->n_crypt; i++)
                facts_crypt_done(&facts->crypt[i]);
        free(facts->crypt);
        for (size_t i = 0; i < facts->n_iscsi; i++)
                facts_iscsi_done(&facts->iscsi[i]);
        free(facts->iscsi);
        free(facts->machine);
        free(facts->microcode);
        free(facts);
        return NULL;
}

int facts_new_generic(Facts **ret) {
        Facts *facts = calloc(1, sizeof(Facts));

        if (!facts)
                return -ENOMEM;
        facts->generic = true;
        *ret = facts;
        return 0;
}

static bool knows_arch(const Facts *facts) {
        STRV_FOREACH(t, facts->tags)
                if (startswith(*t, "arch:"))
                        return true;
        return false;
}

bool facts_match_any(const Facts *facts, const char *tag) {
        if (!startswith(tag, "arch:") || !knows_arch(facts))
                return true;
        STRV_FOREACH(t, facts->tags)
                if (fnmatch(tag, *t, 0) == 0)
                        return true;
        return false;
}

bool facts_match(const Facts *facts, const char *tag) {
        if (facts->generic)
                return facts_match_any(facts, tag);
        STRV_FOREACH(t, facts->tags)
                if (fnmatch(tag, *t, 0) == 0)
                        return true;
        return false;
}
