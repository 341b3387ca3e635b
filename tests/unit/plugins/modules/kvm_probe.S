# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The guest that the module kvm_info runs: a firmware that does in some milliseconds what an operating system and its
# programs do all the time, and says which step it had reached. The module holds the assembled bytes; kvm_probe.py puts
# them there, and test_kvm_info.py compares.
#
# Each step writes its letter ('A' is step 1) to port 0xe9 (QEMU's debugcon) when it begins, and a step that finds a
# wrong result writes its number to port 0xf4 (isa-debug-exit), which ends QEMU. The end is SUCCESS on that port. The
# names of the steps are in the module (_STEPS).
#
# Memory (the guest has 16 MiB):
    .equ    ROM, 0xffff0000         # the firmware, 64 KiB below 4 GiB, and once more at
    .equ    ROM_LOW, 0xf0000        # ... below 1 MiB
    .equ    RAM, 0x100000           # the copy that runs from protected mode on
    .equ    PML4, 0x200000          # page tables, 0x200000 - 0x20ffff, cleared first
    .equ    PDPT, 0x201000
    .equ    PD_LOW, 0x202000        # 0 - 16 MiB, to itself and to HIGH
    .equ    PD_ROM, 0x203000        # the local APIC, the firmware
    .equ    PDPT_HIGH, 0x204000
    .equ    PD_WINDOW, 0x205000
    .equ    PT, 0x206000            # the 4 KiB pages at WINDOW
    .equ    IDT, 0x207000
    .equ    TSS, 0x208000
    .equ    VARS, 0x209000
    .equ    STACK, 0x20e000         # grows down
    .equ    TRAP_STACK, 0x20f000    # the same for exceptions in ring 3
    .equ    PAGE_1, 0x300000        # pages for WINDOW
    .equ    PAGE_2, 0x301000
    .equ    USER_CODE, 0x302000
    .equ    USER_STACK, 0x303000
    .equ    PAGES, 0x400000         # 512 of them
    .equ    FILL, 0x600000          # memory to write and to read back
    .equ    FILL_END, 0xe00000
# Virtual addresses:
    .equ    HIGH, 0xffffffff80000000 # where Linux lives, too
    .equ    WINDOW, 0x40000000
    .equ    WINDOW_CODE, WINDOW + 0x1000
    .equ    WINDOW_STACK, WINDOW + 0x2000
    .equ    APIC, 0xfee00000

    .equ    STEP, VARS              # the step at which the guest is
    .equ    ARMED, VARS + 8         # an exception is expected
    .equ    FAULT_PTE, VARS + 16    # what a page fault puts into the first entry of PT
    .equ    FAULT_CODE, VARS + 24   # what the exception said
    .equ    FAULT_ADDRESS, VARS + 32
    .equ    TICKS, VARS + 40
    .equ    CALLS, VARS + 48

    .equ    ROUNDS_RESULT, 0x719d83a7f15946a0
    .equ    SUCCESS, 0x2a
    .equ    EXIT_PORT, 0xf4
    .equ    STEP_PORT, 0xe9

# Selectors in the order that syscall and sysret want.
    .equ    CODE64, 0x08
    .equ    DATA, 0x10
    .equ    USER_BASE, 0x18
    .equ    USER_DATA, 0x20
    .equ    USER_CODE64, 0x28
    .equ    TSS_SELECTOR, 0x30
    .equ    CODE32, 0x40

    .macro step number
    movb    $\number, %al
    movb    %al, STEP
    addb    $'A' - 1, %al
    outb    %al, $STEP_PORT
    .endm

    .text
    .globl start
# ---------------------------------------------------------------------------------------------------------------------
# Step 1: real mode. The reset vector jumped to f000:0000.
    .code16
start:
    cli
    cld
    movb    $'A', %al
    outb    %al, $STEP_PORT
    xorw    %ax, %ax
    movw    %ax, %ss
    movw    $0x7000, %sp
    movw    $0x1234, %bx
    call    real_increment
    cmpw    $0x1235, %bx
    jne     real_failed
    lgdtl   %cs:(gdt_pointer_low - start)
    movl    %cr0, %eax
    orb     $1, %al
    movl    %eax, %cr0
    ljmpl   $CODE32, $(ROM_LOW + protected - start)
real_increment:
    pushw   %bx
    popw    %dx
    incw    %dx
    movw    %dx, %bx
    ret
real_failed:
    movb    $1, %al
    outb    %al, $EXIT_PORT
    hlt

# ---------------------------------------------------------------------------------------------------------------------
# Step 2: protected mode. The firmware copies itself into RAM and goes on there.
    .code32
protected:
    movl    $DATA, %eax
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %ss
    movl    $STACK, %esp
    xorl    %eax, %eax
    movl    $PML4, %edi
    movl    $(0x10000 / 4), %ecx
    rep stosl
    step    2
    movl    $ROM_LOW, %esi
    movl    $RAM, %edi
    movl    $((end - start + 3) / 4), %ecx
    rep movsl
    movl    $copied, %eax
    jmp     *%eax
copied:
    # Every table allows ring 3 (4), the pages decide.
    movl    $(PDPT + 7), PML4
    movl    $(PDPT_HIGH + 7), PML4 + 511 * 8
    movl    $(PD_LOW + 7), PDPT
    movl    $(PD_WINDOW + 7), PDPT + 1 * 8
    movl    $(PD_ROM + 7), PDPT + 3 * 8
    movl    $(PD_LOW + 7), PDPT_HIGH + 510 * 8
    movl    $(PT + 7), PD_WINDOW
    movl    $(APIC + 0x9b), PD_ROM + ((APIC >> 21) & 511) * 8
    movl    $(0xffe00000 + 0x83), PD_ROM + 511 * 8
    movl    $0x83, %eax
    movl    $PD_LOW, %edi
    movl    $8, %ecx
0:  movl    %eax, (%edi)
    addl    $0x200000, %eax
    addl    $8, %edi
    loop    0b

# ---------------------------------------------------------------------------------------------------------------------
# Step 3: long mode with paging, and on at a high address.
    step    3
    movl    $0x20, %eax             # CR4.PAE
    movl    %eax, %cr4
    movl    $PML4, %eax
    movl    %eax, %cr3
    movl    $0xc0000080, %ecx       # EFER: LME, SCE
    rdmsr
    orl     $0x101, %eax
    wrmsr
    movl    $0x80010033, %eax       # CR0: PG, WP, NE, ET, MP, PE
    movl    %eax, %cr0
    lgdt    gdt_pointer
    ljmp    $CODE64, $long
    .code64
long:
    movl    $0xc0000080, %ecx
    rdmsr
    testl   $0x400, %eax            # EFER.LMA
    jz      failed
    movabsq $(HIGH + high), %rax
    jmp     *%rax
high:
    movq    $(HIGH + STACK), %rsp
    lgdt    gdt_pointer_high(%rip)
    # The firmware below 4 GiB is what was copied.
    movl    $ROM, %esi
    movl    $RAM, %edi
    movl    $((end - start) / 4), %ecx
    repe cmpsl
    jne     failed

# ---------------------------------------------------------------------------------------------------------------------
# Step 4: exceptions.
    step    4
    movl    $IDT, %edi
    movl    $0x30, %ecx
0:  leaq    unexpected(%rip), %rax
    call    gate
    loop    0b
    movl    $(IDT + 6 * 16), %edi
    leaq    invalid_opcode(%rip), %rax
    call    gate
    movl    $(IDT + 13 * 16), %edi
    leaq    protection(%rip), %rax
    call    gate
    leaq    page_fault(%rip), %rax
    call    gate
    movl    $(IDT + 0x20 * 16), %edi
    leaq    timer(%rip), %rax
    call    gate
    movl    $(IDT + 0x2f * 16), %edi
    leaq    spurious(%rip), %rax
    call    gate
    lidt    idt_pointer(%rip)
    movb    $1, ARMED
    ud2
    cmpb    $0, ARMED
    jne     failed
    # A page that is not there: the handler maps it, the instruction is repeated.
    movq    $(PAGE_1 + 3), FAULT_PTE
    movb    $1, ARMED
    movq    $0x1111, WINDOW
    cmpb    $0, ARMED
    jne     failed
    cmpq    $2, FAULT_CODE          # a write, not present
    jne     failed
    cmpq    $WINDOW, FAULT_ADDRESS
    jne     failed
    cmpq    $0x1111, PAGE_1
    jne     failed

# ---------------------------------------------------------------------------------------------------------------------
# Step 5: CPUID, RDTSC.
    step    5
    xorl    %eax, %eax
    cpuid
    cmpl    $1, %eax
    jb      failed
    movl    %eax, %r12d             # the last leaf
    movl    $1, %eax
    cpuid
    testl   $(1 << 4), %edx         # TSC
    jz      failed
    movl    %ecx, %r13d             # features: XSAVE, AVX
    rdtsc
    shlq    $32, %rdx
    orq     %rax, %rdx
    movq    %rdx, %rbx
    movl    $100, %ecx
0:  rdtsc
    shlq    $32, %rdx
    orq     %rax, %rdx
    cmpq    %rbx, %rdx
    jb      failed
    loop    0b
    cmpq    %rbx, %rdx
    je      failed

# ---------------------------------------------------------------------------------------------------------------------
# Step 6: BMI2, where the CPU has it. Linux decompresses itself with it.
    step    6
    cmpl    $7, %r12d
    jb      no_bmi2
    movl    $7, %eax
    xorl    %ecx, %ecx
    cpuid
    testl   $(1 << 8), %ebx
    jz      no_bmi2
    movl    $13, %edx
    movl    $1, %r8d
    shlx    %rdx, %r8, %r8
    cmpq    $(1 << 13), %r8
    jne     failed
    rorx    $12, %r8, %rax
    cmpq    $2, %rax
    jne     failed
no_bmi2:

# ---------------------------------------------------------------------------------------------------------------------
# Step 7: SSE2, and AVX where the CPU has it.
    step    7
    movq    %cr4, %rax
    orl     $0x600, %eax            # OSFXSR, OSXMMEXCPT
    movq    %rax, %cr4
    movl    $21, %eax
    movd    %eax, %xmm1
    pshufd  $0, %xmm1, %xmm1
    paddd   %xmm1, %xmm1
    movdqu  %xmm1, PAGE_1
    cmpl    $42, PAGE_1 + 12
    jne     failed
    movl    %r13d, %eax
    andl    $(1 << 28 | 1 << 26), %eax # AVX, XSAVE
    cmpl    $(1 << 28 | 1 << 26), %eax
    jne     no_avx
    movq    %cr4, %rax
    orl     $(1 << 18), %eax        # OSXSAVE
    movq    %rax, %cr4
    xorl    %ecx, %ecx
    xgetbv
    orl     $7, %eax                # x87, SSE, AVX
    xsetbv
    movl    $1, %eax
    cpuid
    testl   $(1 << 27), %ecx        # OSXSAVE is what CPUID says now
    jz      failed
    movl    $3, %eax
    cvtsi2sd %eax, %xmm1
    movq    %xmm1, PAGE_1 + 64
    vbroadcastsd PAGE_1 + 64, %ymm2
    vaddpd  %ymm2, %ymm2, %ymm3
    vmovupd %ymm3, PAGE_1
    vzeroupper
    cvttsd2si PAGE_1 + 24, %eax
    cmpl    $6, %eax
    jne     failed
no_avx:

# ---------------------------------------------------------------------------------------------------------------------
# Step 8: changes of the page tables.
    step    8
    movq    $0x2222, PAGE_1
    movq    $0x3333, PAGE_2
    cmpq    $0x2222, WINDOW
    jne     failed
    movq    $(PAGE_2 + 3), PT       # another page there
    invlpg  WINDOW
    cmpq    $0x3333, WINDOW
    jne     failed
    movq    $(PAGE_1 + 1), PT       # a page that is not to be written
    invlpg  WINDOW
    cmpq    $0x2222, WINDOW
    jne     failed
    movb    $1, ARMED
    movq    $0x4444, WINDOW
    cmpb    $0, ARMED
    jne     failed
    cmpq    $3, FAULT_CODE          # a write, present
    jne     failed
    cmpq    $0x4444, PAGE_1
    jne     failed
    movq    PT, %rax
    andl    $0x60, %eax             # accessed, dirty
    cmpl    $0x60, %eax
    jne     failed
    # 512 pages in order, then in reverse order.
    xorl    %ecx, %ecx
0:  movl    %ecx, %eax
    shll    $12, %eax
    leal    PAGES + 3(%eax), %edx
    movq    %rdx, PT(, %rcx, 8)
    incl    %ecx
    cmpl    $512, %ecx
    jb      0b
    movq    %cr3, %rax
    movq    %rax, %cr3
    xorl    %ecx, %ecx
0:  movl    %ecx, %eax
    shll    $12, %eax
    movl    %ecx, WINDOW(%rax)
    cmpl    %ecx, PAGES(%rax)
    jne     failed
    incl    %ecx
    cmpl    $512, %ecx
    jb      0b
    xorl    %ecx, %ecx
0:  movl    $511, %eax
    subl    %ecx, %eax
    shll    $12, %eax
    leal    PAGES + 3(%eax), %edx
    movq    %rdx, PT(, %rcx, 8)
    incl    %ecx
    cmpl    $512, %ecx
    jb      0b
    movq    %cr3, %rax
    movq    %rax, %cr3
    xorl    %ecx, %ecx
0:  movl    %ecx, %eax
    shll    $12, %eax
    movl    WINDOW(%rax), %edx
    addl    %ecx, %edx
    cmpl    $511, %edx
    jne     failed
    incl    %ecx
    cmpl    $512, %ecx
    jb      0b

# ---------------------------------------------------------------------------------------------------------------------
# Step 9: 8 MiB of memory.
    step    9
    movabsq $0x9e3779b97f4a7c15, %rdx
    movl    $FILL, %edi
0:  movq    %rdi, %rax
    imulq   %rdx, %rax
    movq    %rax, (%rdi)
    addq    $8, %rdi
    cmpl    $FILL_END, %edi
    jb      0b
    movl    $FILL, %edi
0:  movq    %rdi, %rax
    imulq   %rdx, %rax
    cmpq    %rax, (%rdi)
    jne     failed
    addq    $8, %rdi
    cmpl    $FILL_END, %edi
    jb      0b

# ---------------------------------------------------------------------------------------------------------------------
# Step 10: 300,000 rounds of x = x * a + 1, with calls.
    step    10
    movabsq $6364136223846793005, %rdx
    xorl    %eax, %eax
    movl    $300000, %ecx
0:  call    round
    decl    %ecx
    jnz     0b
    movabsq $ROUNDS_RESULT, %rdx
    cmpq    %rdx, %rax
    jne     failed

# ---------------------------------------------------------------------------------------------------------------------
# Step 11: 20 interrupts of the local APIC's timer, waited for with HLT.
    step    11
    movb    $0xff, %al              # none from the old interrupt controllers
    outb    %al, $0x21
    outb    %al, $0xa1
    movl    $APIC, %ebx
    movl    $0x12f, 0xf0(%rbx)      # on, spurious interrupts are 0x2f
    movl    $0x0b, 0x3e0(%rbx)      # do not divide the clock
    movl    $0x20020, 0x320(%rbx)   # periodic, interrupt 0x20
    movl    $50000, 0x380(%rbx)
0:  cli
    cmpq    $20, TICKS
    jae     1f
    sti
    hlt
    jmp     0b
1:  movl    $0x10000, 0x320(%rbx)   # masked
    movl    $0, 0x380(%rbx)

# ---------------------------------------------------------------------------------------------------------------------
# Step 12: ring 3 with system calls and exceptions.
    step    12
    movq    $(USER_CODE + 5), PT + 8
    movq    $(USER_STACK + 7), PT + 16
    movq    $0, PT
    movq    %cr3, %rax
    movq    %rax, %cr3
    leaq    user(%rip), %rsi
    movl    $USER_CODE, %edi
    movl    $(user_end - user), %ecx
    rep movsb
    movabsq $(HIGH + TRAP_STACK), %rax
    movq    %rax, TSS + 4           # RSP0
    movw    $0x68, TSS + 102        # no I/O permission map
    movl    $TSS_SELECTOR, %eax
    ltr     %ax
    movl    $0xc0000081, %ecx       # STAR
    xorl    %eax, %eax
    movl    $((USER_BASE | 3) << 16 | CODE64), %edx
    wrmsr
    movl    $0xc0000082, %ecx       # LSTAR
    leaq    system_call(%rip), %rax
    movq    %rax, %rdx
    shrq    $32, %rdx
    wrmsr
    movl    $0xc0000084, %ecx       # FMASK: IF, DF, TF
    movl    $0x700, %eax
    xorl    %edx, %edx
    wrmsr
    movq    $(PAGE_1 + 7), FAULT_PTE
    movb    $1, ARMED
    pushq   $(USER_DATA | 3)
    pushq   $(WINDOW_STACK + 0x1000)
    pushq   $2
    pushq   $(USER_CODE64 | 3)
    pushq   $WINDOW_CODE
    iretq

# What runs in ring 3, at WINDOW_CODE.
user:
    movq    $0x5555, WINDOW         # a page fault
    xorl    %ebx, %ebx
0:  movl    %ebx, %edi
    pushq   %rbx
    syscall
    popq    %rbx
    incl    %ebx
    cmpl    %ebx, %eax
    jne     1f
    cmpl    $1000, %ebx
    jb      0b
    movl    $-1, %edi               # the next exception is expected
    syscall
    hlt                             # not allowed in ring 3
1:  movl    $-2, %edi
    syscall
user_end:

# ---------------------------------------------------------------------------------------------------------------------
# RDI is a number: answer with the next. -1: arm. -2: the end.
system_call:
    movq    %rsp, %rdx
    movq    $(HIGH + STACK), %rsp
    cmpl    $-2, %edi
    je      2f
    cmpl    $-1, %edi
    je      1f
    incq    CALLS
    leal    1(%rdi), %eax
    movq    %rdx, %rsp
    sysretq
1:  cmpb    $0, ARMED               # the page fault has been
    jne     failed
    cmpq    $6, FAULT_CODE          # a write in ring 3, not present
    jne     failed
    cmpq    $0x5555, PAGE_1
    jne     failed
    movb    $1, ARMED
    movq    %rdx, %rsp
    sysretq
2:  cmpb    $0, ARMED               # so has the HLT
    jne     failed
    cmpq    $1000, CALLS
    jne     failed
    movb    $SUCCESS, %al
    outb    %al, $EXIT_PORT
    hlt

failed:
    movb    STEP, %al
    outb    %al, $EXIT_PORT
0:  hlt
    jmp     0b

round:
    imulq   %rdx, %rax
    incq    %rax
    ret

# An interrupt gate to RAX at EDI; EDI goes on.
gate:
    movw    %ax, (%rdi)
    movl    $(0x8e00 << 16 | CODE64), 2(%rdi)
    shrq    $16, %rax
    movw    %ax, 6(%rdi)
    shrq    $16, %rax
    movl    %eax, 8(%rdi)
    movl    $0, 12(%rdi)
    addl    $16, %edi
    ret

# UD2 is two bytes long.
invalid_opcode:
    cmpb    $1, ARMED
    jne     failed
    movb    $0, ARMED
    addq    $2, (%rsp)
    iretq

# HLT in ring 3: one byte.
protection:
    cmpb    $1, ARMED
    jne     failed
    cmpq    $(USER_CODE64 | 3), 16(%rsp)
    jne     failed
    movb    $0, ARMED
    addq    $8, %rsp
    incq    (%rsp)
    iretq

page_fault:
    cmpb    $1, ARMED
    jne     failed
    movb    $0, ARMED
    pushq   %rax
    movq    8(%rsp), %rax
    movq    %rax, FAULT_CODE
    movq    %cr2, %rax
    movq    %rax, FAULT_ADDRESS
    movq    FAULT_PTE, %rax
    movq    %rax, PT
    invlpg  WINDOW
    popq    %rax
    addq    $8, %rsp
    iretq

timer:
    incq    TICKS
    pushq   %rbx
    movl    $APIC, %ebx
    movl    $0, 0xb0(%rbx)          # end of the interrupt
    popq    %rbx
spurious:
    iretq

unexpected:
    jmp     failed

# ---------------------------------------------------------------------------------------------------------------------
    .balign 8
gdt:
    .quad   0
    .quad   0x00af9b000000ffff      # CODE64
    .quad   0x00cf93000000ffff      # DATA
    .quad   0x00cffb000000ffff      # USER_BASE: 32 bits, not used
    .quad   0x00cff3000000ffff      # USER_DATA
    .quad   0x00affb000000ffff      # USER_CODE64
    .quad   0x0000890000000067 | (TSS & 0xffffff) << 16 # TSS_SELECTOR
    .quad   0
    .quad   0x00cf9b000000ffff      # CODE32
gdt_end:
gdt_pointer_low:
    .word   gdt_end - gdt - 1
    .long   ROM_LOW + gdt - start
gdt_pointer:
    .word   gdt_end - gdt - 1
    .long   gdt
gdt_pointer_high:
    .word   gdt_end - gdt - 1
    .quad   HIGH + gdt
idt_pointer:
    .word   0x30 * 16 - 1
    .quad   IDT
    .balign 4
end:
