/*
 * stocktake.c - the supervisor gives the stocks of heap units back when nothing has been allocated
 * for a while.
 *
 * It looks once a second, and only as long as a stock may have units. So an idle pool sleeps.
 *
 * Writers           stock_watched: 1 by a member that has stocked units, 0 by the supervisor. Of
 *                   the heap map and the seats: see stock.c.
 * Deaths            Of the supervisor: its successor gives all stocks back when it begins.
 */
#include "pool/stocktake.h"

#include "base/atomic.h"
#include "segment/stock.h"

void stocktake_end(struct supervisor *s)
{
	/*
	 * STOCK1 (retire.c): what was stocked before the change of its member is found here, and
	 * each later one makes its member wake us again.
	 */
	fetch_and_acq_rel(&s->segment->control->stock_watched, 0);
	stock_empty(s->segment, UNIT_LEAVING);
	s->role.stock_due_ns = 0;
}

uint64_t stocktake(struct supervisor *s, uint64_t now, uint64_t nap)
{
	const struct shared_control *control = s->segment->control;
	uint64_t ids = load_relaxed(&control->heap_ids); /* a statistic */

	/* Relaxed: the member that sets it wakes us afterwards. */
	if (!load_relaxed(&control->stock_watched))
		return nap;
	if (!s->role.stock_due_ns || ids != s->role.stock_ids) {
		s->role.stock_ids = ids;
		s->role.stock_due_ns = now + SECOND;
	}
	if (now >= s->role.stock_due_ns) {
		stocktake_end(s);
		return nap;
	}
	return s->role.stock_due_ns - now < nap ? s->role.stock_due_ns - now : nap;
}
