"""The few machine operations the small-table engine needs and numba does not offer: bit counts, a float's bits, and a
masked sum over vectors.

They are written in LLVM's own vector types, so the compiler maps them to whatever the processor has (AVX-512 mask
registers, AVX2, NEON); no processor is named here. Lane order of a bit mask follows little-endian bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic as numba_intrinsic

LANES = 8
_BYTE, _WORD, _DOUBLE = ir.IntType(8), ir.IntType(64), ir.DoubleType()
_LANES_OF_DOUBLES, _LANES_OF_BITS = ir.VectorType(_DOUBLE, LANES), ir.VectorType(ir.IntType(1), LANES)
_TRUE = ir.Constant(ir.IntType(1), 1)


def intrinsic(function: Callable[..., Any]) -> Any:
    """numba's intrinsic: compiled code calls it without the typing context that its Python signature begins with."""
    return numba_intrinsic(function)


@intrinsic
def count_bits(typing_context, bits):  # type: ignore[no-untyped-def]
    """Number of set bits of a uint64."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), codegen


@intrinsic
def lowest_bit(typing_context, bits):  # type: ignore[no-untyped-def]
    """Position of the lowest set bit of a uint64 that is not zero."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], _TRUE)

    return types.int64(types.uint64), codegen


@intrinsic
def float_bits(typing_context, value):  # type: ignore[no-untyped-def]
    """The bits of a float32 as int32: for numbers that are not negative they order like the numbers."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), codegen


def _masked_sum(vectors: int) -> Any:
    """An intrinsic that sums values over chosen rows for `vectors` * 8 candidates at once, sums kept in registers."""

    @intrinsic
    def masked_sum(typing_context, sums, start, membership, stride, values, rows):  # type: ignore[no-untyped-def]
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            def data(k: int) -> Any:
                return context.make_array(signature.args[k])(context, builder, arguments[k]).data

            def at(pointer: Any, index: Any, kind: Any) -> Any:
                return builder.gep(pointer, [index], source_etype=kind)

            start, stride, rows = arguments[1], arguments[3], arguments[5]
            entry = builder.basic_block
            loop, done = builder.append_basic_block("rows"), builder.append_basic_block("done")
            first_byte = builder.lshr(start, ir.Constant(_WORD, 3))
            builder.branch(loop)

            builder.position_at_end(loop)
            remaining = builder.phi(_WORD)
            remaining.add_incoming(rows, entry)
            totals = [builder.phi(_LANES_OF_DOUBLES) for _ in range(vectors)]
            row = builder.cttz(remaining, _TRUE)
            after = builder.and_(remaining, builder.sub(remaining, ir.Constant(_WORD, 1)))
            value = builder.load(at(data(4), row, _DOUBLE), typ=_DOUBLE)
            nothing = ir.Constant(_LANES_OF_DOUBLES, ir.Undefined)
            lane_zero = builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
            spread = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
            value = builder.shuffle_vector(lane_zero, nothing, spread)
            byte = at(data(2), builder.add(builder.mul(row, stride), first_byte), _BYTE)
            added = []
            for v, total in enumerate(totals):
                bits = builder.load(at(byte, ir.Constant(_WORD, v), _BYTE), typ=_BYTE)
                inside = builder.bitcast(bits, _LANES_OF_BITS)
                added.append(builder.select(inside, builder.fadd(total, value), total))
            remaining.add_incoming(after, loop)
            for total, new in zip(totals, added, strict=True):
                total.add_incoming(ir.Constant(_LANES_OF_DOUBLES, [0.0] * LANES), entry)
                total.add_incoming(new, loop)
            builder.cbranch(builder.icmp_unsigned("==", after, ir.Constant(_WORD, 0)), done, loop)

            builder.position_at_end(done)
            for v, new in enumerate(added):
                target = at(data(0), builder.add(start, ir.Constant(_WORD, LANES * v)), _DOUBLE)
                builder.store(new, builder.bitcast(target, _LANES_OF_DOUBLES.as_pointer()), align=8)
            return context.get_dummy_value()

        return types.void(sums, types.int64, membership, types.int64, values, types.uint64), codegen

    return masked_sum


# sums[start : start + 8 * vectors][k] = sum of values[row] over the rows (a bit set, not empty) whose bit k is set in
# membership [rows, stride], eight candidates a byte
masked_sum_64, masked_sum_32, masked_sum_16 = _masked_sum(8), _masked_sum(4), _masked_sum(2)
