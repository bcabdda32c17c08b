/*
 * co_kinetics.h - a mean-field model of CO oxidation on a catalyst: Langmuir-Hinshelwood kinetics
 * of two coverages.
 *
 * x and y are the fractions of surface sites that CO and O cover, e = 1 - x - y is the empty rest.
 * CO adsorbs on one empty site and may desorb, O2 needs two empty sites and stays, CO and O on the
 * surface react and leave as CO2:
 *
 *	dx/dt = k_CO p_CO e - k_des x - k_r x y
 *	dy/dt = 2 k_O2 p_O2 e^2 - k_r x y
 *
 * The rate constants in co_kinetics.c are illustrative. They are not fitted to any catalyst; they
 * were chosen so that pressures between 0 and 1 show both regimes: a reactive surface, and one that
 * CO poisons.
 */
#ifndef SHEAF_EXAMPLE_CO_KINETICS_H
#define SHEAF_EXAMPLE_CO_KINETICS_H

struct co_pressures {
	double o2, co;
};

struct co_state {
	double co, o; /* coverages */
	double rate;  /* CO2 molecules per site and second */
};

enum co_outcome { CO_STEADY, CO_NOT_SETTLED, CO_NO_ROOT };

/*
 * The steady state that a clean surface reaches: integrates from x = y = 0, at most max_steps
 * steps, until the coverages hardly change, then solves the steady-state equations by Newton's
 * method to a residual below 1e-10.
 * CO_NOT_SETTLED: the state still changes after max_steps. CO_NO_ROOT: Newton's method found no
 * stable root near the place.
 */
enum co_outcome co_steady_state(struct co_pressures pressures, unsigned max_steps, struct co_state *state);

#endif
