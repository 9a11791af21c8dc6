/* SPDX-License-Identifier: BSD-2-Clause */
/* The processor's virtualisation (SVM, APM volume 2, chapter 15): finding it, switching it on. */
#ifndef ARCH_X86_SVM_H
#define ARCH_X86_SVM_H

#include <stdbool.h>

/* First of all: NULL, or the sentence that says what this processor lacks. Changes nothing. */
const char *svm_check(void);

/* On the boot CPU: permission maps, this CPU's pages, and svm_enable. NULL, or what is missing. */
const char *svm_init(void);

/* The pages that CPU `cpu` needs before its svm_enable; hv_pages must work. false: none left. */
bool svm_pages(unsigned cpu);

/* On each CPU. From now on it runs with GIF = 0 and IF = 1 outside guests; see svm.c. */
void svm_enable(void);

/* Takes the host interrupts that are pending. */
void svm_interrupt_window(void);

#endif
