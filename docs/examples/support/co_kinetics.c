/*
 * co_kinetics.c - integration by the Dormand-Prince pair of orders 5 and 4 (J. R. Dormand, P. J.
 * Prince, "A family of embedded Runge-Kutta formulae", J. Comp. Appl. Math. 6, 1980), then Newton's
 * method with the analytic Jacobian.
 */
#include "co_kinetics.h"

#include <math.h>
#include <stdbool.h>

/* Per second; those of adsorption also per unit of pressure. */
static const double k_co = 1, k_o2 = 1, k_des = 0.05, k_r = 10;

static const double step_error = 1e-9; /* of a coverage, per step of the integration */
/* per second: if the change is slower, Newton's method takes over */
static const double settled = 1e-7;
static const double correction = 1e-12; /* Newton's last one */
static const double residual = 1e-10;   /* per second, of the steady-state equations */
/* a root farther from the integrated state belongs to another steady state */
static const double vicinity = 1e-3;

struct coverage {
	double x, y;
};

static struct coverage change(struct co_pressures p, struct coverage c)
{
	double empty = 1 - c.x - c.y;
	double reacting = k_r * c.x * c.y;

	return (struct coverage){k_co * p.co * empty - k_des * c.x - reacting, 2 * k_o2 * p.o2 * empty * empty - reacting};
}

static double larger(struct coverage c)
{
	return fmax(fabs(c.x), fabs(c.y));
}

/*
 * Make one step of length h from c. k[0] holds the change at c, k[6] gets the change at the end,
 * *error an estimate of the error.
 */
static struct coverage step(struct co_pressures p, struct coverage c, double h, struct coverage k[7], double *error)
{
	static const double a[7][6] = {
		{0},
		{1. / 5},
		{3. / 40, 9. / 40},
		{44. / 45, -56. / 15, 32. / 9},
		{19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
		{9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
		{35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84},
	};
	/* The weights of order 5 (the last row of a) less those of order 4. */
	static const double e[7] = {71. / 57600, 0, -71. / 16695, 71. / 1920, -17253. / 339200, 22. / 525, -1. / 40};
	struct coverage end = c, difference = {0, 0};

	for (int i = 1; i < 7; i++) {
		end = c;
		for (int j = 0; j < i; j++) {
			end.x += h * a[i][j] * k[j].x;
			end.y += h * a[i][j] * k[j].y;
		}
		k[i] = change(p, end);
	}
	for (int i = 0; i < 7; i++) {
		difference.x += h * e[i] * k[i].x;
		difference.y += h * e[i] * k[i].y;
	}
	*error = larger(difference);
	return end;
}

static bool integrate(struct co_pressures p, unsigned max_steps, struct coverage *c)
{
	struct coverage k[7] = {change(p, *c)}, end;
	double h = 1e-3, error;

	for (unsigned i = 0; i < max_steps; i++) {
		if (larger(k[0]) < settled)
			return true;
		end = step(p, *c, h, k, &error);
		if (error <= step_error) {
			*c = end;
			k[0] = k[6];
		}
		h *= fmin(5, fmax(0.2, 0.9 * pow(step_error / fmax(error, 1e-30), 0.2)));
	}
	return false;
}

/*
 * Solve f = 0 from *c on. The root must be stable, as that of an integration is: trace of the
 * Jacobian < 0, determinant > 0.
 */
static bool newton(struct co_pressures p, struct coverage *c)
{
	for (int i = 0; i < 20; i++) {
		struct coverage f = change(p, *c), delta;
		double o2 = 4 * k_o2 * p.o2 * (1 - c->x - c->y);
		double f_xx = -k_co * p.co - k_des - k_r * c->y, f_xy = -k_co * p.co - k_r * c->x;
		double f_yx = -o2 - k_r * c->y, f_yy = -o2 - k_r * c->x;
		double det = f_xx * f_yy - f_xy * f_yx;

		if (!(det > 0) || !(f_xx + f_yy < 0))
			return false;
		delta.x = (f_xy * f.y - f_yy * f.x) / det;
		delta.y = (f_yx * f.x - f_xx * f.y) / det;
		c->x += delta.x;
		c->y += delta.y;
		if (larger(delta) < correction)
			return larger(change(p, *c)) < residual;
	}
	return false;
}

enum co_outcome co_steady_state(struct co_pressures pressures, unsigned max_steps, struct co_state *state)
{
	struct coverage reached = {0, 0}, root;

	if (!integrate(pressures, max_steps, &reached))
		return CO_NOT_SETTLED;
	root = reached;
	if (!newton(pressures, &root) || larger((struct coverage){root.x - reached.x, root.y - reached.y}) > vicinity)
		return CO_NO_ROOT;
	*state = (struct co_state){root.x, root.y, k_r * root.x * root.y};
	return CO_STEADY;
}
