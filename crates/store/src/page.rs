//! Pages of long lists.

/// The most rows that one page may have: a screenful many times over, and small enough to build in milliseconds.
pub const LARGEST_PAGE: u32 = 1_000;

/// Which page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// From 0.
    pub page: u32,
    /// Rows per page; cut down to 1,000.
    pub page_size: u32,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { page: 0, page_size: 50 }
    }
}

impl PageRequest {
    /// The number of rows to take.
    pub(crate) fn limit(self) -> i64 {
        i64::from(self.page_size.clamp(1, LARGEST_PAGE))
    }

    /// The number of rows to skip.
    pub(crate) fn offset(self) -> i64 {
        i64::from(self.page) * self.limit()
    }
}

/// One page of a list, and how long the whole list is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows of this page.
    pub rows: Vec<T>,
    /// How many rows there are in all.
    pub total: u64,
    /// Which page this is.
    pub request: PageRequest,
}

impl<T> Page<T> {
    /// How many pages there are.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.total.div_ceil(self.request.limit().unsigned_abs()).max(1)
    }
}
