/*
 * failure.c - asks MPI about ranks that have died.
 *
 * ULFM may be built in and be switched off: Open MPI then answers its calls as if no rank could
 * die. An attribute of MPI_COMM_WORLD tells.
 */
#include "mpi/failure.h"

#include "sheaf_adapter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#if SHEAF_HAS_ULFM
#include <mpi-ext.h>

bool failure_is_survived(void)
{
	int *on = NULL, found = 0;

	MPI_Comm_get_attr(MPI_COMM_WORLD, MPIX_FT, (void *)&on, &found);
	return found && on && *on;
}

bool failure_is(int error)
{
	int class = MPI_SUCCESS;

	if (error == MPI_SUCCESS || MPI_Error_class(error, &class) != MPI_SUCCESS)
		return false;
	return class == MPIX_ERR_PROC_FAILED || class == MPIX_ERR_PROC_FAILED_PENDING || class == MPIX_ERR_REVOKED;
}

int failure_read(MPI_Comm comm, bool *dead, int ranks)
{
	MPI_Group failed, all;
	int count = 0, marked = 0;

	if (MPIX_Comm_get_failed(comm, &failed) == MPI_SUCCESS) {
		MPI_Group_size(failed, &count);
		MPI_Comm_group(comm, &all);
		for (int i = 0; i < count; i++) {
			int rank = MPI_UNDEFINED;

			MPI_Group_translate_ranks(failed, 1, &i, all, &rank);
			if (rank >= 0 && rank < ranks)
				dead[rank] = true;
		}
		MPI_Group_free(&all);
		MPI_Group_free(&failed);
	}
	for (int rank = 0; rank < ranks; rank++)
		marked += dead[rank];
	return marked;
}

void failure_revoke(MPI_Comm comm)
{
	MPIX_Comm_revoke(comm);
}

int failure_agree(MPI_Comm comm, int *flag, MPI_Request *request)
{
	return MPIX_Comm_iagree(comm, flag, request);
}

int failure_shrink(MPI_Comm comm, MPI_Comm *living)
{
	return MPIX_Comm_shrink(comm, living);
}

#else

bool failure_is_survived(void)
{
	return false;
}

bool failure_is(int error)
{
	(void)error;
	return false;
}

int failure_read(MPI_Comm comm, bool *dead, int ranks)
{
	(void)comm, (void)dead, (void)ranks;
	return 0;
}

void failure_revoke(MPI_Comm comm)
{
	(void)comm;
}

int failure_agree(MPI_Comm comm, int *flag, MPI_Request *request)
{
	(void)comm, (void)flag, (void)request;
	return MPI_ERR_OTHER;
}

int failure_shrink(MPI_Comm comm, MPI_Comm *living)
{
	(void)comm, (void)living;
	return MPI_ERR_OTHER;
}
#endif

int failure_check(int error, const char *call)
{
	char text[MPI_MAX_ERROR_STRING];
	int size = 0;

	if (error == MPI_SUCCESS)
		return 0;
	if (MPI_Error_string(error, text, &size) != MPI_SUCCESS)
		size = 0;
	return sheaf_message_set(-EIO, "%s: MPI error %d: %.*s", call, error, size, text);
}

void failure_translate(MPI_Comm comm, MPI_Comm all, int *numbers)
{
	MPI_Group some, whole;
	int count = 0;

	MPI_Comm_group(comm, &some);
	MPI_Comm_group(all, &whole);
	MPI_Group_size(some, &count);
	for (int i = 0; i < count; i++)
		MPI_Group_translate_ranks(some, 1, &i, whole, &numbers[i]);
	MPI_Group_free(&some);
	MPI_Group_free(&whole);
}

void failure_end_job(MPI_Comm comm)
{
	fprintf(stderr, "sheaf: rank 0 has died, which has the ledger: the job ends\n");
	MPI_Abort(comm, EXIT_FAILURE);
}
