/*
 * view_window.h - a windowed batch, as its gatherer sees it.
 */
#ifndef SHEAF_BATCH_VIEW_WINDOW_H
#define SHEAF_BATCH_VIEW_WINDOW_H

#include "batch/view.h"

extern const struct view view_window;

#endif
