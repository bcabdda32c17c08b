/*
 * mpi.h - the names of MPI that packets are handled with, so that no MPI is needed to damage them.
 */
#ifndef SHEAF_TESTS_FUZZ_TYPES_MPI_H
#define SHEAF_TESTS_FUZZ_TYPES_MPI_H

typedef void *MPI_Comm;

#endif
