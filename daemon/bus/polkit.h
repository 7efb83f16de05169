/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Who sent a message, and whether he may do what it asks for. Neither is known at once, and nobody
 * waits for it: the message is put aside and handled again, from its start, when the answer is there.
 * So a method checks first what needs no answer, then asks, and looks up everything anew.
 */

#include "manager.h"

/* Messages whose sender is looked up, questions that polkit has not answered, and those of them of
 * one user. */
#define POLKIT_LOOKUPS_MAX 4096
#define POLKIT_QUESTIONS_MAX 64
#define POLKIT_QUESTIONS_USER_MAX 8

typedef struct Sender {
        uid_t uid;
        pid_t pid; /* 0: unknown */
} Sender;

/* 1: known; 0: put aside, and the method returns 1. */
int bus_sender(Manager *m, sd_bus_message *message, Sender *ret, sd_bus_error *error);

/* After bus_sender() gave 1. `action` is one of initrdd-bus.h, `verb` what the dialog can say;
 * `kernel` may be NULL. Root may do everything. 1: allowed; 0: put aside, and the method returns 1;
 * negative: AccessDenied, InteractiveAuthorizationRequired, LimitsExceeded. */
int bus_authorize(Manager *m, sd_bus_message *message, const Sender *sender, const char *action,
                  const char *kernel, const char *verb, sd_bus_error *error);

/* Both of them, for a method that asks about whoever sent the message: 1 is allowed, and *ret is who. */
int bus_admit(Manager *m, sd_bus_message *message, Sender *ret, const char *action,
              const char *kernel, const char *verb, sd_bus_error *error);

/* Drops every question; those who asked are gone with the bus. Takes NULL. */
Polkit *polkit_free(Polkit *p);
