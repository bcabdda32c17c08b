/*
 * text.h - how figures and names are written in the reports.
 */
#ifndef BENCH_TEXT_H
#define BENCH_TEXT_H

#include <stdio.h>

#define TEXT_SIZE 32
#define TEXT_NAME 1024

/** text_name() - what a user or a file calls something, fit for a terminal. Return: @text. */
const char *text_name(char text[TEXT_NAME], const char *name);

/** text_number() - three significant digits and no exponent. Return: @text. */
const char *text_number(char text[TEXT_SIZE], double value);

/** text_ratio() - the same, but "1/300" for what is less than a tenth. Return: @text. */
const char *text_ratio(char text[TEXT_SIZE], double value);

/** text_json() - @text as a string of JSON, quoted. */
void text_json(FILE *out, const char *text);

/** text_json_number() - null for what is no number in JSON. */
void text_json_number(FILE *out, double value);

/** text_xml() - @text as content or attribute of XML. */
void text_xml(FILE *out, const char *text);

#endif
