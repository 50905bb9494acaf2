//! Columns of Arrow arrays as one type of number, text or bytes.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, BinaryArray, StringArray};
use arrow_schema::DataType;

/// Whether [`numbers`] reads columns of this type.
pub(crate) fn is_number(kind: &DataType) -> bool {
    kind.is_integer() || kind.is_floating() || *kind == DataType::Boolean
}

/// Whether [`text`] reads columns of this type.
pub(crate) fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// Values of a column of numbers or truth values (0 and 1); `None` for another type. Missing values are arbitrary.
pub(crate) fn numbers(column: &dyn Array) -> Option<Vec<f64>> {
    Some(match column.data_type() {
        DataType::Boolean => column.as_boolean().values().iter().map(|v| f64::from(u8::from(v))).collect(),
        DataType::Int8 => mapped::<Int8Type, _>(column, f64::from),
        DataType::Int16 => mapped::<Int16Type, _>(column, f64::from),
        DataType::Int32 => mapped::<Int32Type, _>(column, f64::from),
        DataType::Int64 => mapped::<Int64Type, _>(column, |v| v as f64),
        DataType::UInt8 => mapped::<UInt8Type, _>(column, f64::from),
        DataType::UInt16 => mapped::<UInt16Type, _>(column, f64::from),
        DataType::UInt32 => mapped::<UInt32Type, _>(column, f64::from),
        DataType::UInt64 => mapped::<UInt64Type, _>(column, |v| v as f64),
        DataType::Float16 => mapped::<Float16Type, _>(column, f64::from),
        DataType::Float32 => mapped::<Float32Type, _>(column, f64::from),
        DataType::Float64 => mapped::<Float64Type, _>(column, |v| v),
        _ => return None,
    })
}

/// Values of a column of whole numbers; `None` for another type or a value beyond 64 bits with sign.
pub(crate) fn integers(column: &dyn Array) -> Option<Vec<i64>> {
    Some(match column.data_type() {
        DataType::Int8 => mapped::<Int8Type, _>(column, i64::from),
        DataType::Int16 => mapped::<Int16Type, _>(column, i64::from),
        DataType::Int32 => mapped::<Int32Type, _>(column, i64::from),
        DataType::Int64 => mapped::<Int64Type, _>(column, |v| v),
        DataType::UInt8 => mapped::<UInt8Type, _>(column, i64::from),
        DataType::UInt16 => mapped::<UInt16Type, _>(column, i64::from),
        DataType::UInt32 => mapped::<UInt32Type, _>(column, i64::from),
        DataType::UInt64 => {
            mapped::<UInt64Type, _>(column, i64::try_from).into_iter().collect::<Result<_, _>>().ok()?
        }
        _ => return None,
    })
}

/// A column of text; `None` for another type.
pub(crate) fn text(column: &dyn Array) -> Option<StringArray> {
    Some(match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().clone(),
        DataType::LargeUtf8 => column.as_string::<i64>().iter().collect(),
        DataType::Utf8View => column.as_string_view().iter().collect(),
        _ => return None,
    })
}

/// A column of bytes; `None` for another type.
pub(crate) fn bytes(column: &dyn Array) -> Option<BinaryArray> {
    Some(match column.data_type() {
        DataType::Binary => column.as_binary::<i32>().clone(),
        DataType::LargeBinary => column.as_binary::<i64>().iter().collect(),
        DataType::BinaryView => column.as_binary_view().iter().collect(),
        _ => return None,
    })
}

fn mapped<T: ArrowPrimitiveType, U>(column: &dyn Array, map: impl Fn(T::Native) -> U) -> Vec<U> {
    column.as_primitive::<T>().values().iter().map(|value| map(*value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{BooleanArray, Int32Array, LargeStringArray, UInt64Array};

    #[test]
    fn columns_of_all_kinds_are_one_type() {
        assert_eq!(numbers(&BooleanArray::from(vec![true, false])), Some(vec![1.0, 0.0]));
        assert_eq!(numbers(&Int32Array::from(vec![-3, 4])), Some(vec![-3.0, 4.0]));
        assert_eq!(integers(&UInt64Array::from(vec![7])), Some(vec![7]));
        assert_eq!(integers(&UInt64Array::from(vec![u64::MAX])), None);
        assert_eq!(text(&LargeStringArray::from(vec!["a"])), Some(StringArray::from(vec!["a"])));
        assert_eq!(numbers(&StringArray::from(vec!["1"])), None);
    }
}
