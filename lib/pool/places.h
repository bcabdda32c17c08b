/*
 * places.h - the supervisor's side of programs that join: notices that they come, go and die.
 */
#ifndef SHEAF_POOL_PLACES_H
#define SHEAF_POOL_PLACES_H

#include "pool/role.h"

/* Take up who has come. Repair what those have left that are dead or have gone. */
void places_look(struct supervisor *s);

#endif
