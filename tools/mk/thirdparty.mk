# SPDX-License-Identifier: BSD-2-Clause
# Libraries built from third-party sources under build/thirdparty (tools/thirdparty unpacks them there):
#   LIB/libc.a      newlib: strings, ctype, numbers, qsort and bsearch, snprintf; integers only, no heap
#   LIB/libfdt.a    device trees
#   LIB/libzydis.a  x86 instruction decoding, minimal mode (x86 only)

THIRDPARTY := build/thirdparty
UNPACKED   := $(THIRDPARTY)/.unpacked
LIB        := $(ARCH_OUT)/lib

NEWLIB     := $(THIRDPARTY)/newlib/libc
RESOURCES  := $(shell $(CC) -print-resource-dir 2>/dev/null)/include

# The compiler's own stdint.h and friends first, then our configuration of newlib, then newlib.
LIBC_INCLUDES := -nostdlibinc -isystem $(RESOURCES) -isystem tools/libc -isystem $(NEWLIB)/include
FDT_INCLUDES  := -isystem tools/libc -isystem $(THIRDPARTY)/libfdt
ZYDIS_DEFINES := -DZYAN_NO_LIBC -DZYDIS_STATIC_BUILD -DZYCORE_STATIC_BUILD -DZYDIS_MINIMAL_MODE \
	-DZYDIS_DISABLE_FORMATTER -DZYDIS_DISABLE_ENCODER -DZYDIS_DISABLE_SEGMENT \
	-DZYDIS_DISABLE_AVX512 -DZYDIS_DISABLE_KNC
ZYDIS_INCLUDES := -isystem $(THIRDPARTY)/zydis/include -isystem $(THIRDPARTY)/zycore

NEWLIB_SOURCES := $(addprefix $(NEWLIB)/,$(addsuffix .c, \
	$(addprefix string/,memchr memcmp memcpy memmove memset strcat strchr strcmp strcpy strcspn \
		strlcat strlcpy strlen strncmp strncpy strnlen strpbrk strrchr strspn strstr strtok_r) \
	$(addprefix ctype/,ctype_ isalnum isalpha isdigit isprint isspace isupper isxdigit tolower \
		toupper) \
	$(addprefix stdlib/,atoi strtol strtoll strtoul strtoull mbtowc_r wctomb_r) \
	$(addprefix stdio/,vfprintf snprintf vsnprintf) \
	search/bsearch search/qsort errno/errno locale/locale reent/impure))
FDT_SOURCES := $(addprefix $(THIRDPARTY)/libfdt/, fdt.c fdt_addresses.c fdt_empty_tree.c fdt_ro.c \
	fdt_rw.c fdt_strerror.c fdt_sw.c fdt_wip.c)
ZYDIS_SOURCES := $(addprefix $(THIRDPARTY)/zydis/src/, Decoder.c DecoderData.c SharedData.c)

THIRD_CFLAGS := $(ARCH_CFLAGS) -ffreestanding -fno-builtin -fno-stack-protector -O2 -g -w \
	-ffunction-sections -fdata-sections $(LIBC_INCLUDES)
NEWLIB_CFLAGS := -std=gnu11 -D_LIBC -D_COMPILING_NEWLIB -DMISSING_SYSCALL_NAMES -DINTEGER_ONLY \
	-DNO_FLOATING_POINT
SVFIPRINTF := -D_svfprintf_r=_svfiprintf_r

lib_objects = $(patsubst $(THIRDPARTY)/%.c,$(LIB)/%.o,$(1))
NEWLIB_OBJECTS := $(call lib_objects,$(NEWLIB_SOURCES)) $(LIB)/newlib/support.o
FDT_OBJECTS    := $(call lib_objects,$(FDT_SOURCES))
ZYDIS_OBJECTS  := $(call lib_objects,$(ZYDIS_SOURCES))

$(NEWLIB_OBJECTS): CFLAGS_LIB = $(NEWLIB_CFLAGS)
$(LIB)/newlib/libc/stdio/snprintf.o $(LIB)/newlib/libc/stdio/vsnprintf.o: CFLAGS_LIB += $(SVFIPRINTF)
$(LIB)/newlib/libc/stdio/vfprintf.o: CFLAGS_LIB += -DSTRING_ONLY
$(FDT_OBJECTS): CFLAGS_LIB = -std=gnu11 -I$(THIRDPARTY)/libfdt
$(ZYDIS_OBJECTS): CFLAGS_LIB = -std=gnu11 $(ZYDIS_DEFINES) $(ZYDIS_INCLUDES) -I$(THIRDPARTY)/zydis/src

$(UNPACKED): tools/thirdparty.lock tools/thirdparty
	$(Q)tools/thirdparty
	$(Q)touch $@

# Everything below build/thirdparty comes from that one step.
$(NEWLIB_SOURCES) $(FDT_SOURCES) $(ZYDIS_SOURCES): | $(UNPACKED) ;

$(LIB)/newlib/support.o: tools/libc/support.c tools/mk/thirdparty.mk | $(UNPACKED)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(THIRD_CFLAGS) $(CFLAGS_LIB) -c $< -o $@

$(LIB)/%.o: $(THIRDPARTY)/%.c tools/libc/newlib.h tools/libc/libfdt_env.h tools/mk/thirdparty.mk
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(THIRD_CFLAGS) $(CFLAGS_LIB) -c $< -o $@

$(LIB)/libc.a: $(NEWLIB_OBJECTS)
$(LIB)/libfdt.a: $(FDT_OBJECTS)
$(LIB)/libzydis.a: $(ZYDIS_OBJECTS)
$(LIB)/%.a:
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

LIBRARIES_x86   := $(LIB)/libzydis.a
LIBRARIES       := $(LIB)/libfdt.a $(LIBRARIES_$(ARCH)) $(LIB)/libc.a
