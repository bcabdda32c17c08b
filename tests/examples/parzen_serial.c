/*
 * parzen_serial.c - samples that no file of the project contains, and what parzen must say about
 * them.
 *
 * Writes FOLDER/plain.csv, FOLDER/header.csv and FOLDER/samples.npy, and prints the estimate as
 * "parzen --csv" does. It shares no code with parzen: other random numbers, and the loop as the
 * publication wrote it. Widths are whole hundredths, so that each is the double nearest to its
 * decimal number.
 */
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sizes {
	size_t rows;
	size_t columns;
};

static uint64_t state;

/* Xorshift: any number from -2 to 2. */
static double next_number(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (double)(state >> 11) / 9007199254740992.0 * 4 - 2;
}

static FILE *create(const char *folder, const char *name)
{
	char path[1024];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "wb");
	if (file == NULL) {
		perror(path);
		exit(1);
	}
	return file;
}

static void finish(FILE *file)
{
	if (ferror(file) || fclose(file) != 0) {
		perror("parzen_serial: cannot write");
		exit(1);
	}
}

static void write_plain_csv(const char *folder, const double *samples, struct sizes sizes)
{
	FILE *file = create(folder, "plain.csv");

	for (size_t i = 0; i < sizes.rows * sizes.columns; i++)
		fprintf(file, "%.17g%c", samples[i], (i + 1) % sizes.columns == 0 ? '\n' : ',');
	finish(file);
}

/*
 * As other programs write it: names, quotes, spaces, carriage returns, and no newline at the end.
 */
static void write_csv_with_header(const char *folder, const double *samples, struct sizes sizes)
{
	FILE *file = create(folder, "header.csv");

	for (size_t j = 0; j < sizes.columns; j++)
		fprintf(file, "%s\"x%zu, in m\"", j > 0 ? "," : "", j);
	for (size_t i = 0; i < sizes.rows * sizes.columns; i++) {
		fputs(i % sizes.columns == 0 ? "\r\n" : " , ", file);
		fprintf(file, i % 7 == 0 ? "\"%.17g\"" : "%.17g", samples[i]);
	}
	finish(file);
}

static void write_npy(const char *folder, const double *samples, struct sizes sizes)
{
	FILE *file = create(folder, "samples.npy");
	char header[119];
	int length = snprintf(header, sizeof(header), "{'descr': '<f8', 'fortran_order': False, 'shape': (%zu, %zu), }",
			      sizes.rows, sizes.columns);

	memset(header + length, ' ', sizeof(header) - (size_t)length);
	header[117] = '\n';
	fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, file);
	fwrite(header, 1, 118, file);
	for (size_t i = 0; i < sizes.rows * sizes.columns; i++) {
		uint64_t bits;

		memcpy(&bits, &samples[i], sizeof(bits));
		for (int k = 0; k < 8; k++)
			fputc((int)(bits >> (8 * k) & 0xff), file);
	}
	finish(file);
}

static void print_estimate(const double *samples, struct sizes sizes, const double *point, long first, long step, long count)
{
	puts("position,h,inside,published,density");
	for (long k = 0; k < count; k++) {
		double h = (double)(first + k * step) / 100;
		double volume = 1;
		uint64_t inside = 0;

		for (size_t i = 0; i < sizes.rows; i++) {
			size_t j;

			for (j = 0; j < sizes.columns; j++)
				if (fabs((point[j] - samples[i * sizes.columns + j]) / h) > 0.5)
					break;
			if (j == sizes.columns)
				inside++;
		}
		for (size_t j = 0; j < sizes.columns; j++)
			volume *= h;
		printf("%ld,%.12g,%" PRIu64 ",%.12g,%.12g\n", k, h, inside, (double)inside / ((double)sizes.rows * h),
		       (double)inside / ((double)sizes.rows * volume));
	}
}

int main(int argc, char **argv)
{
	struct sizes sizes;
	double *samples;
	double *point;

	if (argc < 8) {
		fputs("usage: parzen_serial FOLDER SEED ROWS FIRST STEP COUNT X... (widths in hundredths)\n", stderr);
		return 2;
	}
	state = strtoull(argv[2], NULL, 10) * 2 + 1;
	sizes.rows = strtoul(argv[3], NULL, 10);
	sizes.columns = (size_t)argc - 7;
	samples = calloc(sizes.rows * sizes.columns, sizeof(*samples));
	point = calloc(sizes.columns, sizeof(*point));
	if (samples == NULL || point == NULL)
		return 1;
	for (size_t j = 0; j < sizes.columns; j++)
		point[j] = strtod(argv[7 + j], NULL);
	for (size_t i = 0; i < sizes.rows * sizes.columns; i++)
		samples[i] = next_number();

	write_plain_csv(argv[1], samples, sizes);
	write_csv_with_header(argv[1], samples, sizes);
	write_npy(argv[1], samples, sizes);
	print_estimate(samples, sizes, point, atol(argv[4]), atol(argv[5]), atol(argv[6]));
	free(samples);
	free(point);
	return 0;
}
