/*
 * probe.h - to be included before all else: matched probes for SMPI 3.32, which has none.
 *
 * A rank of libsheaf-mpi calls MPI from one thread alone. So the receive that follows a probe takes
 * the same packet.
 */
#ifndef SHEAF_SIM_SMPI_PROBE_H
#define SHEAF_SIM_SMPI_PROBE_H

#include <mpi.h>

int probe_improbe(int from, int tag, MPI_Comm comm, int *found, MPI_Message *message, MPI_Status *status);
int probe_imrecv(void *bytes, int count, MPI_Datatype type, MPI_Message *message, MPI_Request *request);

#define MPI_Improbe probe_improbe
#define MPI_Imrecv probe_imrecv

#endif
