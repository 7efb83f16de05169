/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* pkttyagent, through which polkit asks for a password on the terminal. */

/* Starts it, where somebody is there to be asked who isn't root already, and waits until it is
 * known to polkit. It ends with this program. What goes wrong is no error: polkit then refuses. */
void polkit_agent_open(void);
void polkit_agent_close(void);
