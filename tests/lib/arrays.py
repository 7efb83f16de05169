# SPDX-License-Identifier: GPL-2.0-or-later
"""More disks below roots (tests/lib/storage.py makes them), each set a fixture of its own.

Their roots are mounted and written to where somebody has to be there for that after the switch:
see `tells`.
"""

from storage import MIB, Set

# An array whose metadata are kept by a process takes no write once that process is gone.
WRITES = """mount -o remount,rw / && echo written >/written && busybox sync && echo WROTE
for line in /proc/[0-9]*/cmdline; do
        case $(busybox tr '\\0' ' ' <$line) in
        @*mdmon*) echo MDMON-OF-INITRD ;;
        esac
done
"""
_CONTAINER = """
        mkdir -p /dev/md
        mdadm --create /dev/md127 --run --metadata=%s --homehost=any --raid-devices=2 $1 $2
        mdadm --create /dev/md126 --run --assume-clean --homehost=any --level=1 --raid-devices=2 /dev/md127
        fill /dev/md126
        sync
        mdadm --wait-clean --scan || true
        mdadm --stop /dev/md126
        mdadm --stop /dev/md127
        mdadm --examine $1 | head -n 12
"""
# The machine is switched off with what it has in memory, and is the same afterwards: also for whoever
# asks for its kernel command line, which is another one in a machine that was started anew.
HIBERNATES = """case $(cat /proc/cmdline) in
*test.hibernate=1*)
        remembered=$(cat /proc/sys/kernel/random/boot_id)
        busybox swapon /dev/mapper/hibernatevg-swap
        echo shutdown >/sys/power/disk
        echo HIBERNATING
        echo disk >/sys/power/state || echo NOT-HIBERNATED
        [ "$remembered" = "$(cat /proc/sys/kernel/random/boot_id)" ] || echo FORGOTTEN
        case $(cat /proc/cmdline) in
        *test.hibernate=1*) echo "RESUMED" ;;
        esac
        ;;
esac
"""
LUKS = {"hibernate": "66666666-0000-4000-8000-0000000000e0",
        "tpm2": "66666666-0000-4000-8000-0000000000e1",
        "pkcs11": "66666666-0000-4000-8000-0000000000e2",
        "raid1-on-luks": "66666666-0000-4000-8000-0000000000e3",
        "raid1-on-luks-key": "66666666-0000-4000-8000-0000000000e4",
        "lvm-on-luks": "66666666-0000-4000-8000-0000000000e5"}
# What systemd loads when it is asked for a TPM.
TSS = tuple("/usr/lib/x86_64-linux-gnu/libtss2-%s.so.0" % name
            for name in ("esys", "rc", "mu", "tcti-device"))
TSS_PACKAGES = ("libtss2-esys-3.0.2-0", "libtss2-rc0", "libtss2-mu0", "libtss2-tcti-device0")
_MDMON = ("/sbin/mdmon",)
_VOLUMES = ("dm-raid", "dm-mirror", "dm-snapshot", "dm-cache", "dm-cache-smq", "raid1")

SETS = {one.name: one for one in (
    Set("ddf", 2, _CONTAINER % "ddf", 128 * MIB, tells=WRITES, programs=_MDMON),
    # There is no controller of Intel's, in the builder and in the tests; the serial numbers of the
    # disks are written down there.
    Set("imsm", 2, "export IMSM_NO_PLATFORM=1" + _CONTAINER % "imsm", 128 * MIB, tells=WRITES,
        programs=_MDMON, drivers=("ahci", "sd_mod"), sata=True),
    # An array of each level that no other set has, on partitions; the root is on all of them.
    Set("raid-levels", 4, """
        for disk in $1 $2 $3 $4; do
                printf ',23M\\n,23M\\n,23M\\n,23M\\n' | sfdisk -q $disk
        done
        array() {
                level=$1
                shift
                mdadm --create /dev/md$level --run --assume-clean --metadata=1.2 --homehost=any \\
                        --name=level$level --level=$level --raid-devices=$# "$@"
        }
        array 0 ${1}1 ${2}1
        array 4 ${1}2 ${2}2 ${3}2
        array 6 ${1}3 ${2}3 ${3}3 ${4}3
        array 10 ${1}4 ${2}4 ${3}4 ${4}4
        lvm vgcreate levelsvg /dev/md0 /dev/md4 /dev/md6 /dev/md10
        lvm lvcreate -qq -y -Wn -Zn -i 4 -L 48M -n root levelsvg
        fill /dev/mapper/levelsvg-root
        lvm vgchange -an levelsvg
        mdadm --stop /dev/md0 /dev/md4 /dev/md6 /dev/md10
    """, 96 * MIB, drivers=("raid0", "raid10", "raid456"), programs=("/sbin/sfdisk",), packages=("fdisk",)),
    # Below an array; of the second disk there is a key.
    Set("raid1-on-luks", 2, """
        luks luks2 %s $1
        luks luks2 %s $2
        cryptsetup luksAddKey $fast --key-file /passphrase $2 /key
        cryptsetup open --key-file /passphrase $1 x
        cryptsetup open --key-file /key $2 y
        mdadm --create /dev/md11 --run --assume-clean --metadata=1.2 --homehost=any --name=eleven \\
                --level=1 --raid-devices=2 /dev/mapper/x /dev/mapper/y
        fill /dev/md11
        mdadm --stop /dev/md11
        cryptsetup close x
        cryptsetup close y
    """ % (LUKS["raid1-on-luks"], LUKS["raid1-on-luks-key"])),
    Set("lvm-raid1", 2, """
        lvm vgcreate raidvg $1 $2
        lvm lvcreate -qq -y -Wn -Zn --type raid1 -m1 --nosync -L 32M -n root raidvg
        fill /dev/mapper/raidvg-root
        lvm vgchange -an raidvg
    """, drivers=_VOLUMES),
    # A mirror of the old kind, and a snapshot of what is on it.
    Set("lvm-mirror", 2, """
        lvm vgcreate mirrorvg $1 $2
        lvm lvcreate -qq -y -Wn -Zn --type mirror --mirrorlog core -m1 --nosync -L 32M -n root mirrorvg
        fill /dev/mapper/mirrorvg-root
        lvm lvcreate -qq -y -s -L 8M -n before mirrorvg/root
        lvm vgchange -an mirrorvg
    """, drivers=_VOLUMES),
    Set("lvm-cache", 2, """
        lvm vgcreate cachevg $1 $2
        lvm lvcreate -qq -y -Wn -Zn -L 32M -n root cachevg $1
        fill /dev/mapper/cachevg-root
        lvm lvcreate -qq -y --type cache-pool -L 16M --poolmetadatasize 8M -n fast cachevg $2
        lvm lvconvert -qq -y --type cache --cachepool cachevg/fast cachevg/root
        lvm vgchange -an cachevg
    """, drivers=_VOLUMES, programs=("/usr/sbin/cache_check",)),
    # As small as it can be, and without an index of what is there already: that would be half of a boot. Debian
    # has both the driver and vdoformat since 13.
    Set("lvm-vdo", 1, """
        lvm vgcreate vdovg $1
        lvm lvcreate -qq -y -Wn --type vdo -l 100%FREE -V 64M -n root vdovg/pool --config \
                'allocation { vdo_slab_size_mb=128 vdo_use_deduplication=0 vdo_use_compression=0 }'
        fill /dev/mapper/vdovg-root
        lvm vgchange -an vdovg
    """, 5 * 1024 * MIB, drivers=("dm-vdo",), programs=("/usr/bin/vdoformat",), packages=("vdo",),
        system="debian13"),
    Set("integrity", 1, """
        integritysetup format --batch-mode $1
        integritysetup open $1 x
        fill /dev/mapper/x
        integritysetup close x
    """, drivers=("dm-integrity",), programs=("/sbin/integritysetup",)),
    Set("hibernate", 1, """
        luks luks2 %s $1
        cryptsetup open --key-file /passphrase $1 x
        lvm vgcreate hibernatevg /dev/mapper/x
        lvm lvcreate -qq -y -Wn -Zn -L 32M -n root hibernatevg
        lvm lvcreate -qq -y -Wn -Zn -l 100%%FREE -n swap hibernatevg
        fill /dev/mapper/hibernatevg-root
        mkswap /dev/mapper/hibernatevg-swap
        lvm vgchange -an hibernatevg
        cryptsetup close x
    """ % LUKS["hibernate"], 384 * MIB, tells=HIBERNATES),
    # What the benchmark boots (tests/bench/boot); no row of the matrix does.
    Set("lvm-on-luks", 1, """
        luks luks2 %s $1
        cryptsetup open --key-file /passphrase $1 x
        lvm vgcreate cryptvg /dev/mapper/x
        lvm lvcreate -qq -y -Wn -Zn -l 100%%FREE -n root cryptvg
        fill /dev/mapper/cryptvg-root
        lvm vgchange -an cryptvg
        cryptsetup close x
    """ % LUKS["lvm-on-luks"]),
    # Beside the disk is what the TPM remembers.
    Set("tpm2", 1, """
        luks luks2 %s $1
        PASSWORD="$(cat /passphrase)" systemd-cryptenroll --tpm2-device=/dev/tpmrm0 $1
        cryptsetup open --key-file /passphrase $1 x
        fill /dev/mapper/x
        cryptsetup close x
    """ % LUKS["tpm2"], programs=("/usr/bin/systemd-cryptenroll",), libraries=TSS,
        packages=TSS_PACKAGES, tpm=True),
    Set("pkcs11", 1, """
        luks luks2 %s $1
        cryptsetup open --key-file /passphrase $1 x
        fill /dev/mapper/x
        cryptsetup close x
    """ % LUKS["pkcs11"], token=True),
)}
