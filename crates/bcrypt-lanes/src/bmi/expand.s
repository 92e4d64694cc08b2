// `portable::expand_together` in assembly, for as many lanes as `lanes` says.
//
//   rdi         the first state, throughout; lane n's state lies n strides further on
//   rax, rcx    temporaries
//   r14d, r15d  what `bextr` is to extract: bits 16 to 23, bits 8 to 15
//   [rsp]       where in lane 0 the next two words go
//
// The other ten registers are the lanes' halves. Six lanes have twelve: then lanes 4 and 5 keep one half each in a
// register and the other on the stack.

// eax = mangle(half). `low` is the lowest byte of `half`.
.macro bl_mangle lane, half, low
    mov     eax, \half
    shr     eax, 24
    bextr   ecx, \half, r14d
    mov     eax, dword ptr [rdi + 4*rax + {stride}*\lane + {s}]
    add     eax, dword ptr [rdi + 4*rcx + {stride}*\lane + {s} + 1024]
    bextr   ecx, \half, r15d
    xor     eax, dword ptr [rdi + 4*rcx + {stride}*\lane + {s} + 2048]
    movzx   ecx, \low
    add     eax, dword ptr [rdi + 4*rcx + {stride}*\lane + {s} + 3072]
.endm

// other ^= p[key] ^ mangle(half)
.macro bl_round key, lane, half, low, other
    bl_mangle \lane, \half, \low
    xor     \other, dword ptr [rdi + {stride}*\lane + {p} + 4*\key]
    xor     \other, eax
.endm

// right ^= p[key] ^ mangle(left)
.macro bl_left key, lane, left, left_low, right, right_low
    bl_round \key, \lane, \left, \left_low, \right
.endm

// left ^= p[key] ^ mangle(right)
.macro bl_right key, lane, left, left_low, right, right_low
    bl_round \key, \lane, \right, \right_low, \left
.endm

// Either of the two, for a lane with a half on the stack: that is the half which changes, and then the halves change
// places, so that the next round again splits the one in the register.
.macro bl_left_on_stack key, lane, half, low, slot
    bl_mangle \lane, \half, \low
    xor     eax, dword ptr [rdi + {stride}*\lane + {p} + 4*\key]
    xor     eax, dword ptr [rsp + \slot]
    mov     dword ptr [rsp + \slot], \half
    mov     \half, eax
.endm
.macro bl_right_on_stack key, lane, half, low, slot
    bl_left_on_stack \key, \lane, \half, \low, \slot
.endm

// left = 0, right = 0
.macro bl_zero key, lane, left, left_low, right, right_low
    xor     \left, \left
    xor     \right, \right
.endm
.macro bl_zero_on_stack key, lane, half, low, slot
    xor     \half, \half
    mov     dword ptr [rsp + \slot], \half
.endm

// left ^= p[key]
.macro bl_begin key, lane, left, left_low, right, right_low
    xor     \left, dword ptr [rdi + {stride}*\lane + {p} + 4*\key]
.endm
.macro bl_begin_on_stack key, lane, half, low, slot
    xor     \half, dword ptr [rdi + {stride}*\lane + {p} + 4*\key]
.endm

// right ^= p[key]; (left, right) = (right, left); then both go to the address in rax, in lane 0, and its like elsewhere
.macro bl_finish key, lane, left, left_low, right, right_low
    xor     \right, dword ptr [rdi + {stride}*\lane + {p} + 4*\key]
    xchg    \left, \right
    mov     dword ptr [rax + {stride}*\lane], \left
    mov     dword ptr [rax + {stride}*\lane + 4], \right
.endm
.macro bl_finish_on_stack key, lane, half, low, slot
    mov     ecx, dword ptr [rsp + \slot]
    xor     ecx, dword ptr [rdi + {stride}*\lane + {p} + 4*\key]
    mov     dword ptr [rsp + \slot], \half
    mov     dword ptr [rax + {stride}*\lane + 4], \half
    mov     \half, ecx
    mov     dword ptr [rax + {stride}*\lane], \half
.endm

// Does one of the above in every lane, one lane after another: the processor does the interleaving.
.macro bl_lanes do, key
    \do     \key, 0, edx, dl, ebx, bl
    .if {lanes} >= 2
    \do     \key, 1, esi, sil, ebp, bpl
    .endif
    .if {lanes} >= 3
    \do     \key, 2, r8d, r8b, r9d, r9b
    .endif
    .if {lanes} >= 4
    \do     \key, 3, r10d, r10b, r11d, r11b
    .endif
    .if {lanes} == 5
    \do     \key, 4, r12d, r12b, r13d, r13b
    .endif
    .if {lanes} == 6
    \do\()_on_stack \key, 4, r12d, r12b, 8
    \do\()_on_stack \key, 5, r13d, r13b, 12
    .endif
.endm

.macro bl_save register
    push    \register
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset \register, 0
.endm
.macro bl_restore register
    pop     \register
    .cfi_adjust_cfa_offset -8
    .cfi_restore \register
.endm

    .cfi_startproc
    bl_save rbx
    bl_save rbp
    bl_save r12
    bl_save r13
    bl_save r14
    bl_save r15
    sub     rsp, 16
    .cfi_adjust_cfa_offset 16

    mov     qword ptr [rsp], rdi
    mov     r14d, 0x0810
    mov     r15d, 0x0808
    bl_lanes bl_zero, 0

    .p2align 6
2:  bl_lanes bl_begin, 0
    bl_lanes bl_left, 1
    bl_lanes bl_right, 2
    bl_lanes bl_left, 3
    bl_lanes bl_right, 4
    bl_lanes bl_left, 5
    bl_lanes bl_right, 6
    bl_lanes bl_left, 7
    bl_lanes bl_right, 8
    bl_lanes bl_left, 9
    bl_lanes bl_right, 10
    bl_lanes bl_left, 11
    bl_lanes bl_right, 12
    bl_lanes bl_left, 13
    bl_lanes bl_right, 14
    bl_lanes bl_left, 15
    bl_lanes bl_right, 16
    mov     rax, qword ptr [rsp]
    bl_lanes bl_finish, 17
    add     rax, 8
    mov     qword ptr [rsp], rax
    lea     rcx, [rdi + {end}]
    cmp     rax, rcx
    jne     2b

    add     rsp, 16
    .cfi_adjust_cfa_offset -16
    bl_restore r15
    bl_restore r14
    bl_restore r13
    bl_restore r12
    bl_restore rbp
    bl_restore rbx
    ret
    .cfi_endproc

.purgem bl_mangle
.purgem bl_round
.purgem bl_left
.purgem bl_right
.purgem bl_left_on_stack
.purgem bl_right_on_stack
.purgem bl_zero
.purgem bl_zero_on_stack
.purgem bl_begin
.purgem bl_begin_on_stack
.purgem bl_finish
.purgem bl_finish_on_stack
.purgem bl_lanes
.purgem bl_save
.purgem bl_restore
