# SPDX-License-Identifier: GPL-2.0-or-later
# fish completion for initrdctl(1)

function __initrdctl_first_column
    initrdctl --no-legend $argv 2>/dev/null | string replace -r ' .*' ''
end

function __initrdctl_profiles
    echo default
    for path in /{etc,run,usr/lib}/initrdd/profiles.d/*.conf
        path basename $path | string replace -r '\.conf$' ''
    end
end

complete -c initrdctl -f

complete -c initrdctl -n __fish_use_subcommand -a status -d 'The service, every kernel, and whether the next boot is safe'
complete -c initrdctl -n __fish_use_subcommand -a list -d 'Images and their state'
complete -c initrdctl -n __fish_use_subcommand -a build -d 'Build images that are missing or stale'
complete -c initrdctl -n __fish_use_subcommand -a rebuild -d 'Build in any case'
complete -c initrdctl -n __fish_use_subcommand -a remove -d 'Remove the images of a kernel'
complete -c initrdctl -n __fish_use_subcommand -a jobs -d 'What the service is doing'
complete -c initrdctl -n __fish_use_subcommand -a cancel -d 'Stop a job'
complete -c initrdctl -n __fish_use_subcommand -a hold -d 'No automatic builds while a command runs'
complete -c initrdctl -n __fish_use_subcommand -a monitor -d 'What the service does, as it happens'
complete -c initrdctl -n __fish_use_subcommand -a log -d 'What the service wrote to the journal'
complete -c initrdctl -n __fish_use_subcommand -a plan -d 'What a build would contain and why'
complete -c initrdctl -n __fish_use_subcommand -a inspect -d 'What an image is made of'
complete -c initrdctl -n __fish_use_subcommand -a files -d 'The files of an image'
complete -c initrdctl -n __fish_use_subcommand -a cat -d 'The content of files of an image'
complete -c initrdctl -n __fish_use_subcommand -a extract -d 'Unpack an image into a directory'
complete -c initrdctl -n __fish_use_subcommand -a repack -d 'Make an image of a directory or an image'
complete -c initrdctl -n __fish_use_subcommand -a why -d 'Why a file is in an image, or not'
complete -c initrdctl -n __fish_use_subcommand -a diff -d 'What is different, or why one is stale'
complete -c initrdctl -n __fish_use_subcommand -a verify -d 'Whether an image would boot'
complete -c initrdctl -n __fish_use_subcommand -a try -d 'Boot an image in QEMU'
complete -c initrdctl -n __fish_use_subcommand -a modules -d 'Modules, and what they are'
complete -c initrdctl -n __fish_use_subcommand -a facts -d 'What this machine needs of an image'
complete -c initrdctl -n __fish_use_subcommand -a kernels -d 'Kernels, and where their files are'
complete -c initrdctl -n __fish_use_subcommand -a cat-config -d 'The configuration, merged as it is read'
complete -c initrdctl -n __fish_use_subcommand -a gc -d 'Remove what no image needs from the store'
complete -c initrdctl -n __fish_use_subcommand -a help -d 'Commands and options'

complete -c initrdctl -n '__fish_seen_subcommand_from build rebuild plan remove log' -a '(__initrdctl_first_column kernels)'
complete -c initrdctl -n '__fish_seen_subcommand_from cancel' -a '(__initrdctl_first_column jobs)'
complete -c initrdctl -n '__fish_seen_subcommand_from modules' -a '(__initrdctl_first_column modules)'
complete -c initrdctl -n '__fish_seen_subcommand_from inspect files cat extract repack why diff verify try' -F

complete -c initrdctl -l root -xa '(__fish_complete_directories)' -d 'Build for the system in a directory'
complete -c initrdctl -l kernel-dir -xa '(__fish_complete_directories)' -d 'A kernel that is not below /lib/modules'
complete -c initrdctl -l output -rF -d 'Where the image goes'
complete -c initrdctl -l store -xa '(__fish_complete_directories)' -d 'Where work is kept'
complete -c initrdctl -l profile -xa '(__initrdctl_profiles)' -d 'Which recipe'
complete -c initrdctl -l mode -xa 'host strict generic' -d 'What the image is for'
complete -c initrdctl -l facts -rF -d 'What another machine needs'
complete -c initrdctl -l compression -xa 'zstd xz gzip lz4 none' -d 'How fragments are compressed'
complete -c initrdctl -l level -x -d 'How hard to compress'
complete -c initrdctl -l set -x -d 'Any key of a profile'
complete -c initrdctl -l best -d 'Pack at the idle level at once'
complete -c initrdctl -l recompress -d 'With gc: pack at the idle level'
complete -c initrdctl -l force -d 'Build also when nothing changed'
complete -c initrdctl -l all -d 'All kernels'
complete -c initrdctl -l offline -d 'Without the service'
complete -c initrdctl -s H -l host -xa '(__fish_complete_user_at_hosts)' -d 'Ask the service of another machine'
complete -c initrdctl -s M -l machine -x -d 'Ask the service of a container'
complete -c initrdctl -l no-block -d 'Don\'t wait for the end of a build'
complete -c initrdctl -l no-ask-password -d 'Never ask for a password'
complete -c initrdctl -l no-hooks -d 'Don\'t tell boot loaders of a new image'
complete -c initrdctl -l reason -xa 'admin package' -d 'Why it is asked for'
complete -c initrdctl -l detached -d 'The image goes to --output and nowhere else'
complete -c initrdctl -l threads -x -d 'How many fragments are packed at once'
complete -c initrdctl -l add -rF -d 'With repack: what to put into the image'
complete -c initrdctl -l remove -x -d 'With repack: what to leave out'
complete -c initrdctl -l content -d 'With diff: the lines of text that are different'
complete -c initrdctl -l html -rF -d 'With inspect: a page with a map of the image'
complete -c initrdctl -l kernel -xa '(__initrdctl_first_column kernels)' -d 'With verify and try: for this kernel'
complete -c initrdctl -l root-image -rF -d 'With try: the disk to boot'
complete -c initrdctl -l append -x -d 'With try: more of the kernel command line'
complete -c initrdctl -l timeout -x -d 'With try: how long it is waited for'
complete -c initrdctl -l console -d 'With try: show the console'
complete -c initrdctl -l tree -d 'With files: as a tree'
complete -c initrdctl -l json -fa 'short pretty off' -d 'Results as JSON'
complete -c initrdctl -l no-legend -d 'Tables without headings'
complete -c initrdctl -l no-pager -d 'With log: no pager'
complete -c initrdctl -s f -l follow -d 'With log: go on as it is written'
complete -c initrdctl -s n -l lines -x -d 'With log: only the last ones'
complete -c initrdctl -s q -l quiet -d 'Only what goes wrong'
complete -c initrdctl -s h -l help -d 'Commands and options'
complete -c initrdctl -l version -d 'The version of the program'
