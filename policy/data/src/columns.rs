//! Columns of Arrow arrays as one type of number, text or bytes.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BinaryArray, StringArray};
use arrow_buffer::ArrowNativeType;
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

/// The values of lists, or lists of lists, one after the other, and the places where those of each row end, the first
/// row's begin before them; of other columns the values themselves.
///
/// # Errors
/// The first row that lacks a value.
pub(crate) fn flattened(column: &ArrayRef) -> Result<(ArrayRef, Vec<usize>), usize> {
    let mut values = column.clone();
    let mut ends: Vec<usize> = (0..=column.len()).collect();
    loop {
        if values.null_count() > 0
            && let Some(missing) = (ends[0]..ends[column.len()]).find(|i| values.is_null(*i))
        {
            return Err(ends.partition_point(|end| *end <= missing) - 1);
        }
        values = match values.data_type() {
            DataType::List(_) => {
                let list = values.as_list::<i32>();
                ends.iter_mut().for_each(|end| *end = list.value_offsets()[*end].as_usize());
                list.values().clone()
            }
            DataType::LargeList(_) => {
                let list = values.as_list::<i64>();
                ends.iter_mut().for_each(|end| *end = list.value_offsets()[*end].as_usize());
                list.values().clone()
            }
            DataType::FixedSizeList(_, size) => {
                let size = size.as_usize();
                ends.iter_mut().for_each(|end| *end *= size);
                values.as_fixed_size_list().values().clone()
            }
            _ => return Ok((values, ends)),
        };
    }
}

/// The type of the values of lists.
pub(crate) fn leaf(kind: &DataType) -> &DataType {
    match kind {
        DataType::List(of) | DataType::LargeList(of) | DataType::FixedSizeList(of, _) => leaf(of.data_type()),
        plain => plain,
    }
}

/// The type in messages: `lists of Float32`.
pub(crate) fn described(kind: &DataType) -> String {
    match kind {
        DataType::List(of) | DataType::LargeList(of) | DataType::FixedSizeList(of, _) => {
            format!("lists of {}", described(of.data_type()))
        }
        DataType::Struct(_) => "structs".to_string(),
        plain => plain.to_string(),
    }
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
    use arrow_array::{BooleanArray, FixedSizeListArray, Int32Array, LargeStringArray, ListArray, UInt64Array};
    use arrow_buffer::OffsetBuffer;
    use arrow_schema::Field;
    use std::sync::Arc;

    #[test]
    fn columns_of_all_kinds_are_one_type() {
        assert_eq!(numbers(&BooleanArray::from(vec![true, false])), Some(vec![1.0, 0.0]));
        assert_eq!(numbers(&Int32Array::from(vec![-3, 4])), Some(vec![-3.0, 4.0]));
        assert_eq!(integers(&UInt64Array::from(vec![7])), Some(vec![7]));
        assert_eq!(integers(&UInt64Array::from(vec![u64::MAX])), None);
        assert_eq!(text(&LargeStringArray::from(vec!["a"])), Some(StringArray::from(vec!["a"])));
        assert_eq!(numbers(&StringArray::from(vec!["1"])), None);
    }
    #[test]
    fn lists_of_lists_are_flat() {
        let numbers: ArrayRef = Arc::new((0..12).map(|i| (i != 3).then_some(i)).collect::<Int32Array>());
        let pairs =
            |values| FixedSizeListArray::new(Arc::new(Field::new("item", DataType::Int32, true)), 2, values, None);
        let element = |of: &ArrayRef| Arc::new(Field::new("item", of.data_type().clone(), true));
        let pairs: ArrayRef = Arc::new(pairs(numbers));
        let lists = ListArray::new(element(&pairs), OffsetBuffer::from_lengths([2, 1, 3]), pairs.clone(), None);
        // Without the row that lacks a value.
        let rows: ArrayRef = Arc::new(lists.slice(1, 2));
        let (values, ends) = flattened(&rows).unwrap();
        assert_eq!((values.len(), ends), (12, vec![4, 6, 12]));
        assert_eq!(flattened(&(Arc::new(lists) as ArrayRef)).unwrap_err(), 0);
        assert_eq!(flattened(&pairs.slice(0, 4)).unwrap_err(), 1);
        assert_eq!(flattened(&pairs.slice(2, 4)).unwrap().1, [0, 2, 4, 6, 8]);
        assert_eq!(described(rows.data_type()), "lists of lists of Int32");
    }
}
