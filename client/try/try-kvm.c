/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Whether KVM is worth it. In a virtual machine there may be a /dev/kvm that can be opened, and
 * makes machines, which it then emulates instruction by instruction, slower than QEMU itself
 * would. So a machine of one page counts down from 16 million, in real mode, and is given a quarter
 * of a second: a processor needs some milliseconds for it.
 */

#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "fd-util.h"
#include "try-machine.h"

#define PAGE 4096U
#define PATIENCE_USEC 250000

typedef struct Probe {
        int kvm, vm, cpu;
        void *memory;
        struct kvm_run *run;
        size_t run_size;
} Probe;

static const uint8_t countdown[] = {
        0x66, 0xb9, 0x00, 0x00, 0x00, 0x01, /* mov $0x1000000, %ecx */
        0x66, 0x49, /* dec %ecx */
        0x75, 0xfc, /* jnz, to the one before */
        0xf4, /* hlt */
};

static void on_alarm(int signal) {
}

static void probe_done(Probe *p) {
        if (p->run != MAP_FAILED)
                (void) munmap(p->run, p->run_size);
        if (p->memory != MAP_FAILED)
                (void) munmap(p->memory, PAGE);
        safe_close(p->cpu);
        safe_close(p->vm);
        safe_close(p->kvm);
}

static int make_machine(Probe *p) {
        struct kvm_userspace_memory_region region = { .memory_size = PAGE };
        int size;

        p->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
        if (p->kvm < 0 || ioctl(p->kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
                return -ENOTSUP;
        p->vm = ioctl(p->kvm, KVM_CREATE_VM, 0UL);
        p->memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (p->vm < 0 || p->memory == MAP_FAILED)
                return -ENOTSUP;
        memcpy(p->memory, countdown, sizeof(countdown));
        region.userspace_addr = (uintptr_t) p->memory;
        if (ioctl(p->vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
                return -ENOTSUP;
        p->cpu = ioctl(p->vm, KVM_CREATE_VCPU, 0UL);
        size = ioctl(p->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
        if (p->cpu < 0 || size < (int) sizeof(struct kvm_run))
                return -ENOTSUP;
        p->run_size = (size_t) size;
        p->run = mmap(NULL, p->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, p->cpu, 0);
        return p->run == MAP_FAILED ? -ENOTSUP : 0;
}

static int set_registers(const Probe *p) {
        struct kvm_regs registers = { .rflags = 2 };
        struct kvm_sregs special;

        if (ioctl(p->cpu, KVM_GET_SREGS, &special) < 0)
                return -ENOTSUP;
        special.cs.base = 0;
        special.cs.selector = 0;
        if (ioctl(p->cpu, KVM_SET_SREGS, &special) < 0 ||
            ioctl(p->cpu, KVM_SET_REGS, &registers) < 0)
                return -ENOTSUP;
        return 0;
}

bool machine_has_kvm(void) {
        struct itimerval patience = { .it_value.tv_usec = PATIENCE_USEC,
                                      .it_interval.tv_usec = PATIENCE_USEC },
                         none = {};
        struct sigaction action = { .sa_handler = on_alarm }, before;
        Probe p = { -EBADF, -EBADF, -EBADF, MAP_FAILED, MAP_FAILED, 0 };
        bool good = false;

        if (make_machine(&p) >= 0 && set_registers(&p) >= 0) {
                sigaction(SIGALRM, &action, &before);
                (void) setitimer(ITIMER_REAL, &patience, NULL);
                good = ioctl(p.cpu, KVM_RUN, 0) >= 0 && p.run->exit_reason == KVM_EXIT_HLT;
                (void) setitimer(ITIMER_REAL, &none, NULL);
                sigaction(SIGALRM, &before, NULL);
        }
        probe_done(&p);
        return good;
}
