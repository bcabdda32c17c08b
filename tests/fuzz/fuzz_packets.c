/*
 * fuzz_packets.c - a target for libFuzzer: plays the input to a rank of a cluster (packet_load.h).
 */
#include "packet_load.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	packet_load_begin();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	packet_load(data, size);
	return 0;
}
