//! A table with a place for every stream id.

const PAGE: usize = 64;

/// State of streams by id: two array look-ups, and memory only for pages that are used.
#[derive(Clone, Debug)]
pub(crate) struct StreamTable<T> {
    pages: Vec<Option<Box<[T; PAGE]>>>,
}

impl<T> Default for StreamTable<T> {
    fn default() -> Self {
        Self { pages: Vec::new() }
    }
}

impl<T: Default> StreamTable<T> {
    /// A stream's state; `None` if it has never been touched (its page).
    pub(crate) fn get(&self, id: u16) -> Option<&T> {
        let page = self.pages.get(usize::from(id) / PAGE)?.as_ref()?;
        Some(&page[usize::from(id) % PAGE])
    }

    /// A stream's state, if its page has been touched.
    pub(crate) fn get_mut(&mut self, id: u16) -> Option<&mut T> {
        let page = self.pages.get_mut(usize::from(id) / PAGE)?.as_mut()?;
        Some(&mut page[usize::from(id) % PAGE])
    }

    /// A stream's state, which is made if it is not there.
    pub(crate) fn entry(&mut self, id: u16) -> &mut T {
        let index = usize::from(id) / PAGE;
        if self.pages.len() <= index {
            self.pages.resize_with(index + 1, || None);
        }
        let page = self.pages[index]
            .get_or_insert_with(|| Box::new(std::array::from_fn(|_| T::default())));
        &mut page[usize::from(id) % PAGE]
    }

    /// All states that are there, with their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &T)> {
        self.pages.iter().enumerate().flat_map(|(number, page)| {
            page.iter()
                .flat_map(|page| page.iter())
                .enumerate()
                .map(move |(index, state)| ((number * PAGE + index) as u16, state))
        })
    }

    /// All states that are there, with their ids, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u16, &mut T)> {
        self.pages
            .iter_mut()
            .enumerate()
            .flat_map(|(number, page)| {
                page.iter_mut()
                    .flat_map(|page| page.iter_mut())
                    .enumerate()
                    .map(move |(index, state)| ((number * PAGE + index) as u16, state))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_a_place_of_its_own() {
        let mut table = StreamTable::<u32>::default();
        assert!(table.get(65535).is_none());
        for id in [0, 63, 64, 65535] {
            *table.entry(id) = u32::from(id) + 1;
        }
        for id in [0, 63, 64, 65535] {
            assert_eq!(table.get(id), Some(&(u32::from(id) + 1)));
        }
        assert!(table.get(128).is_none());
        assert_eq!(
            table.iter_mut().filter(|(_, state)| **state != 0).count(),
            4
        );
        assert!(
            table
                .iter()
                .eq(table.clone().iter_mut().map(|(id, state)| (id, &*state)))
        );
        assert_eq!(table.iter_mut().last().map(|(id, _)| id), Some(65535));
    }
}
