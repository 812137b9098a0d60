/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FLOW_TICKS_H
#define WEIR_FLOW_TICKS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Instants and holds in 32 bits, for things of which there are very many. One tick is 1024 ns;
 * the count wraps after 73 minutes, so holds are cut to half of that.
 */
#define WEIR_TICKS_SHIFT 10
#define WEIR_TICKS_MAX ((uint32_t)INT32_MAX)

/** weir_ticks_at() - the tick of an instant. */
static inline uint32_t weir_ticks_at(uint64_t now_ns)
{
	return (uint32_t)(now_ns >> WEIR_TICKS_SHIFT);
}

/** weir_ticks_hold() - a duration in ticks, rounded down. */
static inline uint32_t weir_ticks_hold(uint64_t hold_ns)
{
	uint64_t ticks = hold_ns >> WEIR_TICKS_SHIFT;

	return ticks < WEIR_TICKS_MAX ? (uint32_t)ticks : WEIR_TICKS_MAX;
}

/** weir_ticks_due() - whether what is held since @since for @hold is due. */
static inline bool weir_ticks_due(uint32_t since, uint32_t hold, uint64_t now_ns)
{
	return weir_ticks_at(now_ns) - since >= hold;
}

/** weir_ticks_deadline() - the first instant at which it is due; @now_ns when it is already. */
static inline uint64_t weir_ticks_deadline(uint32_t since, uint32_t hold, uint64_t now_ns)
{
	uint32_t age = weir_ticks_at(now_ns) - since;

	if (age >= hold)
		return now_ns;
	return ((now_ns >> WEIR_TICKS_SHIFT) + (hold - age)) << WEIR_TICKS_SHIFT;
}

#endif
