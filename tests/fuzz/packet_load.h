/*
 * packet_load.h - plays made-up packets to a rank of a cluster, and checks what must hold whatever
 * is in them.
 */
#ifndef SHEAF_TESTS_FUZZ_PACKET_LOAD_H
#define SHEAF_TESTS_FUZZ_PACKET_LOAD_H

#include <stddef.h>
#include <stdint.h>

/* A pool for this process. Before all others, and behind them. */
void packet_load_begin(void);
void packet_load_end(void);

/*
 * Run one job of a rank, or of the root, to which packets come as these bytes say: first which job
 * it is, then one packet after the other. Some fit to what was sent before, so that what is behind
 * the checks is reached. Ends the program where a rule is broken. Return: what the job returned.
 */
int packet_load(const uint8_t *bytes, size_t size);

#endif
