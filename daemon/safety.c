/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "safety.h"
#include "string-util.h"

static int add(char ***l, char *sentence, int r) {
        return r < 0 ? r : strv_consume(l, sentence);
}

/* Of a kernel's images a boot loader takes the one of the profile `default`, where it is there. */
static const Image *image_that_boots(const Manager *m, const char *kernel) {
        const Image *any = NULL;

        for (size_t i = 0; i < m->n_images; i++) {
                const Image *image = m->images[i];

                if (!streq(image->kernel, kernel))
                        continue;
                if (streq(image->profile, "default"))
                        return image;
                if (!any || image_is_usable(image))
                        any = image;
        }
        return any;
}

static int blockers_of_kernel(const Manager *m, const char *kernel, char ***l) {
        const KernelState *state = manager_find_kernel(m, kernel);
        const Image *image = image_that_boots(m, kernel);
        char *sentence = NULL;
        int r;

        if (state && kernel_is_being_installed(state)) {
                r = str_printf(&sentence, "Kernel %s is being installed%s%s.", kernel,
                               *state->reason ? ": " : "", state->reason);
                r = add(l, sentence, r);
                if (r < 0)
                        return r;
        }
        /* It is in its place, but the boot loader may not find it there. */
        if (image && image_is_usable(image) && image_hooks_failed(image))
                return strv_extend(l, image->error_message);
        if (!image || image_is_usable(image))
                return 0;
        r = image_blocker(image, &sentence);
        return add(l, sentence, r);
}

static int blockers_of_jobs(const Manager *m, char ***l) {
        for (size_t i = 0; i < m->n_jobs; i++) {
                const Job *job = m->jobs[i];
                char *sentence = NULL;
                int r;

                if (!job_is_replacing(job) || !streq(job->kernel, m->default_kernel))
                        continue;
                r = str_printf(&sentence,
                               job_runs_hooks(job) ? "The boot loader's hooks of kernel %s are at "
                                                     "work."
                                                   : "The image of kernel %s is being replaced.",
                               job->kernel);
                r = add(l, sentence, r);
                if (r < 0)
                        return r;
        }
        return 0;
}

int safety_blockers(const Manager *m, char ***ret) {
        _cleanup_strv_free_ char **l = NULL;
        char *sentence;
        int r = 0;

        if (!m->examined && !m->look_failure)
                r = strv_extend(&l, "The images have not been looked at yet.");
        else if (m->look_failure) {
                r = str_printf(&sentence, "The images could not be looked at: %s",
                               m->look_failure);
                r = add(&l, sentence, r);
        }
        if (r >= 0 && m->examined && *m->default_kernel)
                r = blockers_of_kernel(m, m->default_kernel, &l);
        if (r >= 0)
                r = blockers_of_jobs(m, &l);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}
