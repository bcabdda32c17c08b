/*
 * probe.c - a message that was probed is where it came from: its rank, its tag, and the
 * communicator.
 */
#include "probe.h"

#include <stdlib.h>

struct probed {
	int from, tag;
	MPI_Comm comm;
};

int probe_improbe(int from, int tag, MPI_Comm comm, int *found, MPI_Message *message, MPI_Status *status)
{
	int error = MPI_Iprobe(from, tag, comm, found, status);
	struct probed *probed;

	if (error != MPI_SUCCESS || !*found)
		return error;
	if (!(probed = malloc(sizeof(*probed))))
		return MPI_ERR_INTERN;
	*probed = (struct probed){status->MPI_SOURCE, status->MPI_TAG, comm};
	*message = probed;
	return MPI_SUCCESS;
}

int probe_imrecv(void *bytes, int count, MPI_Datatype type, MPI_Message *message, MPI_Request *request)
{
	struct probed *probed = *message;
	int error = MPI_Irecv(bytes, count, type, probed->from, probed->tag, probed->comm, request);

	free(probed);
	return error;
}
