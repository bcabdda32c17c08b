/*
 * packet.c - checks what every packet has to be, whatever it is for.
 */
#include "mpi/packet.h"

#include <string.h>

bool packet_is_whole(const void *memory, size_t received)
{
	struct packet packet;

	if (received < sizeof(packet) || received - sizeof(packet) > WIRE_BYTES)
		return false;
	memcpy(&packet, memory, sizeof(packet));
	return packet.bytes == received - sizeof(packet);
}

bool packet_has_text(const struct packet *packet, const void *bytes)
{
	return packet->bytes && packet->bytes <= WIRE_TEXT && !((const char *)bytes)[packet->bytes - 1];
}
