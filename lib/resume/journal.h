/*
 * journal.h - an open journal. Its lock is held by all that looks at what changes.
 */
#ifndef SHEAF_RESUME_JOURNAL_H
#define SHEAF_RESUME_JOURNAL_H

#include "resume/ledger.h"
#include "resume/record.h"
#include "sheaf_resume.h"

#include <pthread.h>
#include <sys/types.h>

struct sheaf_journal {
	pthread_mutex_t lock;
	pid_t opener;
	int claim;
	char *path;
	struct record_file file;
	sheaf_journal_options options;
	/* ---- what the lock guards ---- */
	struct ledger ledger;
	uint64_t end; /* of the file, and of its last whole record */
	int broken;   /* the error after which it is not known what the file has; or 0 */
	uint64_t synced_ns;
	sheaf_journal_info info;
	unsigned char *bytes; /* of the last record that was read */
	size_t room;
};

/* Check a call's handle, and take its lock. -EINVAL, -EPERM. */
int journal_enter(sheaf_journal *journal, const char *call);
void journal_leave(sheaf_journal *journal);

#endif
