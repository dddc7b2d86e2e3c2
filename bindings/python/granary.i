/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * granary.i — Python's view of the shared interface: module granary.native.
 *
 * The interpreter's lock is held, but for what may take milliseconds.
 */
%module(threads="1") native

%nothread;
%thread ctl_do;
%thread stats_text;
%thread metrics_text;

%include "../swig/granary.i"
