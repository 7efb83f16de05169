/* SPDX-License-Identifier: GPL-2.0-or-later */

/* initrdctl: the table of verbs, and what each takes. */

#include <locale.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "bus/bus.h"
#include "bus/polkit-agent.h"
#include "client.h"
#include "options.h"
#include "string-util.h"

#define LARGE_BUFFER (1024 * 1024)

typedef struct Verb {
        const char *name;
        int min, max; /* arguments; -1: any number */
        const char *arguments;
        const char *help;
        int (*run)(int argc, char *argv[]);
        bool remote; /* the service can be asked, also that of another machine */
        const char *options; /* long names, beside those that every verb takes */
} Verb;

/* How the service is asked, and what is said and in which form. */
#define OPTIONS_OF_ALL "offline host machine no-ask-password no-legend no-pager quiet help version"
/* Which image a kernel's version stands for; and how a build of today would make it. */
#define OF_IMAGE "root kernel-dir output store profile set "
#define OF_BUILD OF_IMAGE "mode facts compression level threads "

static const Verb verbs[] = {
        { "status", 0, 0, "", "The service, every kernel, and whether the next boot is safe",
          verb_status, true, OF_BUILD "json" },
        { "list", 0, 0, "", "Images and their state", verb_list, true, OF_BUILD "json" },
        { "build", 0, -1, "[KERNEL…]", "Build images that are missing or stale", verb_build, true,
          OF_BUILD "best force all no-block no-hooks reason detached json" },
        { "rebuild", 0, -1, "[KERNEL…|--all]", "Build in any case", verb_build, true,
          OF_BUILD "best force all no-block no-hooks reason detached json" },
        { "remove", 1, -1, "KERNEL…", "Remove the images of a kernel", verb_remove, true,
          "root store profile force no-block no-hooks json" },
        { "jobs", 0, 0, "", "What the service is doing", verb_jobs, true, "all json" },
        { "cancel", 1, -1, "JOB…", "Stop a job", verb_cancel, true, "" },
        { "hold", 1, -1, "-- COMMAND…", "No automatic builds while a command runs", verb_hold,
          true, "reason" },
        { "monitor", 0, 0, "", "What the service does, as it happens", verb_monitor, true,
          "json" },
        { "log", 0, 1, "[KERNEL]", "What the service wrote to the journal", verb_log, true,
          "follow lines json" },
        { "plan", 0, 1, "[KERNEL]", "What a build would contain and why; writes nothing",
          verb_plan, false, OF_BUILD "best json" },
        { "inspect", 1, 1, "IMAGE", "What an image is made of", verb_inspect, true,
          OF_IMAGE "html json" },
        { "files", 1, 1, "IMAGE", "The files of an image", verb_files, true,
          OF_IMAGE "tree json" },
        { "cat", 2, -1, "IMAGE PATH…", "The content of files of an image", verb_cat, true,
          OF_IMAGE },
        { "extract", 2, 2, "IMAGE DIR", "Unpack an image into a directory", verb_extract, true,
          OF_IMAGE "force json" },
        { "repack", 2, 2, "DIR|IMAGE NEW", "Make an image of a directory or an image", verb_repack,
          true, OF_IMAGE "add remove compression level json" },
        { "why", 2, -1, "IMAGE PATH…", "Why a file is in an image, or not", verb_why, true,
          OF_BUILD "json" },
        { "diff", 1, 2, "IMAGE [IMAGE]", "What is different, or why one is stale", verb_diff, true,
          OF_BUILD "content json" },
        { "verify", 1, 1, "IMAGE", "Whether an image would boot", verb_verify, true,
          OF_IMAGE "facts kernel this-host json" },
        { "try", 1, 1, "IMAGE", "Boot an image in QEMU", verb_try, false,
          OF_IMAGE "kernel root-image append timeout console json" },
        { "modules", 0, -1, "[MODULE…]", "Modules, and what they are", verb_modules, false,
          "root json" },
        { "facts", 0, 0, "", "What this machine needs of an image", verb_facts, false,
          "root json" },
        { "kernels", 0, 0, "", "Kernels, and where their files are", verb_kernels, false,
          "root kernel-dir json" },
        { "cat-config", 0, 0, "", "The configuration, merged as it is read", verb_cat_config,
          false, "root" },
        { "gc", 0, 0, "", "Remove what no image needs from the store", verb_gc, false,
          "store recompress" },
        { "help", 0, 0, "", "This page", verb_help, false, "" },
};

/* How many blanks are missing to a width; printf() counts the bytes of "…". */
static int padding(const char *s, int width) {
        for (; *s; s++)
                width -= (*s & 0xc0) != 0x80;
        return MAX_OF(width, 0);
}

int verb_help(int argc, char *argv[]) {
        puts("initrdctl [OPTIONS…] COMMAND …\n\n"
             "Build and look into the initramfs images of this machine.\n\nCommands:");
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                printf("  %-10s %s%*s %s\n", verbs[i].name, verbs[i].arguments,
                       padding(verbs[i].arguments, 17), "", verbs[i].help);
        puts("\nOptions:\n"
             "     --root=DIR         Build for the system in DIR, with nothing of this one\n"
             "     --kernel-dir=DIR   A kernel that is not below /lib/modules: its directory\n"
             "     --output=FILE      Where the image goes\n"
             "     --store=DIR        Where work is kept from one build to the next\n"
             "     --profile=NAME     Which recipe (default)\n"
             "     --mode=MODE        host, strict or generic\n"
             "     --facts=FILE       What another machine needs, from its `initrdctl facts "
             "--json`\n"
             "     --compression=ALG  zstd, xz, gzip, lz4 or none\n"
             "     --level=N          How hard to compress\n"
             "     --set=KEY=VALUE    Any key of a profile\n"
             "     --best             Pack at the idle level at once\n"
             "     --recompress       With gc: pack what images are made of at the idle level\n"
             "     --force            Build also when nothing changed; extract where something "
             "is;\n"
             "                        remove what is in use\n"
             "     --all              With rebuild: all kernels; with jobs: those that are over\n"
             "     --offline          Without the service\n"
             "  -H --host=[USER@]HOST Ask the service of another machine\n"
             "  -M --machine=NAME     Ask the service of a container\n"
             "     --no-block         Don't wait for the end of a build\n"
             "     --no-ask-password  Never ask for a password\n"
             "     --no-hooks         Don't tell boot loaders of a new image\n"
             "     --reason=WHY       admin or package; with hold: a text\n"
             "     --detached         The image goes to --output and nowhere else\n"
             "     --threads=N        How many fragments are packed at once\n"
             "     --add=FILE[:PATH]  With repack: put a file or directory into the image\n"
             "     --remove=PATH      With repack: leave out what is there\n"
             "     --content          With diff: the lines of text that are different\n"
             "     --html=FILE        With inspect: a page with a map of the image\n"
             "     --kernel=VERSION   With verify: for this kernel; with try: VERSION or FILE\n"
             "     --this-host        With verify: for what this machine needs\n"
             "     --root-image=FILE  With try: the disk to boot, instead of one made for it\n"
             "     --append=WORDS     With try: more of the kernel command line\n"
             "     --timeout=SECONDS  With try: how long it is waited for (300)\n"
             "     --console          With try: show the console\n"
             "     --tree             With files: as a tree\n"
             "     --json[=MODE]      Results as JSON: short, pretty or off\n"
             "     --no-legend        Tables without headings\n"
             "     --no-pager         With log: no pager (there is no other)\n"
             "  -f --follow           With log: go on as it is written\n"
             "  -n --lines=N          With log: only the last ones\n"
             "  -q --quiet            Only what goes wrong\n"
             "  -h --help             This page\n"
             "     --version          The version of the program\n\n"
             "initrdctl(1) says more.");
        return EXIT_STATUS_DONE;
}

static bool has_word(const char *words, const char *word) {
        size_t n = strlen(word);

        for (const char *p = words; (p = strstr(p, word)); p += n)
                if ((p == words || p[-1] == ' ') && (p[n] == '\0' || p[n] == ' '))
                        return true;
        return false;
}

/* An option that would mean nothing here is a slip, and not to be passed over. */
static int check_options(const Verb *v) {
        _cleanup_strv_free_ char **others = NULL;
        _cleanup_free_ char *list = NULL;
        const char *name;
        size_t n = 0;

        do
                name = option_given(&n);
        while (name && (has_word(OPTIONS_OF_ALL, name) || has_word(v->options, name)));
        if (!name)
                return EXIT_STATUS_DONE;
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (has_word(verbs[i].options, name) && strv_extend(&others, verbs[i].name) < 0)
                        return EXIT_STATUS_USAGE;
        list = strv_join(others, ", ");
        say("%s takes no --%s, which is for: %s.", v->name, name, list ?: "");
        return EXIT_STATUS_USAGE;
}

/* What makes no sense together, before anything is done. */
static int check_transport(const Verb *v) {
        if (!service_is_remote())
                return EXIT_STATUS_DONE;
        if (!v->remote)
                say("%s looks at this machine; -H and -M are for what the service does.", v->name);
        else if (arg_offline || arg_root || arg_store || arg_facts || arg_threads > 0)
                say("-H and -M ask a service; --offline, --root, --store, --facts and --threads "
                    "go without.");
        else
                return EXIT_STATUS_DONE;
        return EXIT_STATUS_USAGE;
}

static int run_verb(int argc, char *argv[]) {
        int r;

        if (argc < 1) {
                say("Which command? `initrdctl --help` lists them.");
                return EXIT_STATUS_USAGE;
        }
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                const Verb *v = &verbs[i];

                if (!streq(argv[0], v->name))
                        continue;
                r = check_options(v);
                if (r != EXIT_STATUS_DONE)
                        return r;
                if (argc - 1 < v->min || (v->max >= 0 && argc - 1 > v->max)) {
                        say("Usage: initrdctl %s%s%s", v->name, *v->arguments ? " " : "",
                            v->arguments);
                        return EXIT_STATUS_USAGE;
                }
                r = check_transport(v);
                return r == EXIT_STATUS_DONE ? v->run(argc, argv) : r;
        }
        say("There is no command \"%s\"; `initrdctl --help` lists what there is.", argv[0]);
        return EXIT_STATUS_USAGE;
}

/* Whether all that was printed got out; that nobody reads any more is no failure. Of what failed before
 * the last bytes stdio knows no more than that it did. */
static bool output_is_written(void) {
        struct pollfd fd = { .fd = STDOUT_FILENO, .events = POLLOUT };
        bool whole = !ferror(stdout);
        int error = fflush(stdout) != 0 ? errno : 0;

        if ((whole && error == 0) || error == EPIPE ||
            (poll(&fd, 1, 0) > 0 && (fd.revents & POLLERR)))
                return true;
        say("The output can't be written%s%s", error > 0 ? ": " : " whole.",
            error > 0 ? strerror(error) : "");
        return false;
}

int main(int argc, char *argv[]) {
        int first, r;

        setlocale(LC_ALL, "");
        /* What has been as large as a compressor's window goes back at once, as it would not if the
         * library were left to learn from it: the next segment's is there beside it otherwise. */
        (void) mallopt(M_MMAP_THRESHOLD, LARGE_BUFFER);
        if (argc > 0)
                argv[0] = (char *) "initrdctl"; /* what getopt begins its lines with, as say() does */
        r = options_parse(argc, argv, &first);
        if (r < 0)
                return EXIT_STATUS_USAGE;
        r = r > 0 ? run_verb(argc - first, argv + first) : EXIT_STATUS_DONE;
        polkit_agent_close();
        strv_free(arg_settings);
        return output_is_written() ? r : EXIT_STATUS_FAILED;
}
