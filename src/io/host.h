/* SPDX-License-Identifier: MIT
 *
 * The address of this machine, as others may reach it.
 */
#ifndef SC_IO_HOST_H
#define SC_IO_HOST_H

#include "core/str.h"

#define SC_HOST_TEXT_MAX 46u

/* The address that the kernel would use towards the outside (no packet is sent), else the best one
 * of an interface that is up. False when there is none but loopback. Written into `text`. */
bool sc_host_address(char text[SC_HOST_TEXT_MAX]);

#endif
