/*
 * value.pml - readers that never wait for a writer: sync/value.c.
 *
 * WRITERS processes set a value of two words, ROUNDS times each; a reader copies it READS times. Up
 * to DEATHS writers die after any step. Both words of version v are v. With ONE_COPY the writer
 * fills the copy that is read. With NO_RECHECK the reader does not ask for the version again.
 *
 * Checked: a copy is of one version, never of an older one than before, and nobody waits for ever.
 */
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#ifndef READS
#define READS 2
#endif
#ifndef DEATHS
#define DEATHS 1
#endif

#define NOBODY 15
#ifdef ONE_COPY
#define COPY(v) 0
#else
#define COPY(v) ((v) % 2)
#endif

byte door = NOBODY;
byte version = 1;
byte low[2] = 1, high[2] = 1;
bool dead[WRITERS], over[WRITERS];
byte deaths;

active [WRITERS] proctype Writer()
{
	byte rounds;

	{
	do
	:: rounds < ROUNDS ->
		atomic { door == NOBODY -> door = _pid };
		low[COPY(version + 1)] = version + 1;
		high[COPY(version + 1)] = version + 1;
		version++;
		door = NOBODY;
		rounds++
	:: else -> break
	od;
	over[_pid] = true
	} unless { dead[_pid] }
}

active proctype Reader()
{
	byte reads, begin, l, h, last;

	do
	:: reads < READS ->
		do
		:: true ->
			begin = version;
			l = low[COPY(begin)];
			h = high[COPY(begin)];
#ifdef NO_RECHECK
			break
#else
			if
			:: version == begin -> break
			:: else
			fi
#endif
		od;
		atomic {
			assert(l == h && l == begin && begin >= last);
			last = begin;
			l = 0;
			h = 0;
			begin = 0;
			reads++
		}
	:: else -> break
	od
}

active proctype Kernel()
{
	byte n;

end:
	do
	:: atomic { deaths < DEATHS ->
		n = 0;
		do
		:: n + 1 < WRITERS -> n++
		:: break
		od;
		if
		:: !dead[n] && !over[n] ->
			dead[n] = true;
			deaths++;
			door = (door == n -> NOBODY : door)
		:: else
		fi;
		n = 0 }
	od
}
