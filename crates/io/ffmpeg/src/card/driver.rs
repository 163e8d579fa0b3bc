//! The driver's own library, loaded by name at run time: which cards there are and how much
//! memory they have free. Nothing here is linked, so a machine without it starts like any other.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::MaybeUninit;

use super::CardError;

/// The driver, and the libraries that decode and encode, as the system's loader knows them.
pub(super) const DRIVER: &str = "libcuda.so.1";
pub(super) const DECODING: &str = "libnvcuvid.so.1";
pub(super) const ENCODING: &str = "libnvidia-encode.so.1";
/// Makes machine code of the scaling filter's portable code.
pub(super) const COMPILING: &str = "libnvidia-ptxjitcompiler.so.1";

/// Longest name a card gives itself.
const MAX_NAME: usize = 256;

/// Attribute numbers of the driver's interface.
const CAPABILITY_MAJOR: c_int = 75;
const CAPABILITY_MINOR: c_int = 76;

/// A library kept loaded for the life of the process: the sandbox lets nothing be loaded later,
/// and whoever asks for it by name then finds it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Library(*mut c_void);

// SAFETY: a handle that is only ever looked names up in.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

impl Library {
    /// Loads it, or says what the loader said.
    pub(super) fn load(name: &'static str) -> Result<Self, CardError> {
        let text = CString::new(name).expect("library names have no zero byte");
        // SAFETY: loading runs the library's start code; it is the driver's own, named by us.
        let handle = unsafe { libc::dlopen(text.as_ptr(), libc::RTLD_NOW | libc::RTLD_NODELETE) };
        if !handle.is_null() {
            return Ok(Self(handle));
        }
        // SAFETY: the text stays valid until the next call on this thread.
        let reason = unsafe {
            let said = libc::dlerror();
            if said.is_null() {
                "no reason given".to_owned()
            } else {
                CStr::from_ptr(said).to_string_lossy().into_owned()
            }
        };
        Err(CardError::Library { name, reason })
    }

    fn function<F: Copy>(self, name: &'static CStr) -> Result<F, CardError> {
        assert_eq!(
            size_of::<F>(),
            size_of::<*mut c_void>(),
            "a function pointer"
        );
        // SAFETY: the handle is open for ever; the name is terminated.
        let found = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        if found.is_null() {
            return Err(CardError::Driver(format!(
                "{DRIVER} has no {}",
                name.to_string_lossy()
            )));
        }
        // SAFETY: the driver's interface fixes what this name is; `F` is a pointer in size.
        Ok(unsafe { std::mem::transmute_copy::<*mut c_void, F>(&found) })
    }
}

type Answer = c_int;

/// The driver's functions that are used here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Driver {
    version: unsafe extern "C" fn(*mut c_int) -> Answer,
    count: unsafe extern "C" fn(*mut c_int) -> Answer,
    device: unsafe extern "C" fn(*mut c_int, c_int) -> Answer,
    name: unsafe extern "C" fn(*mut c_char, c_int, c_int) -> Answer,
    uuid: unsafe extern "C" fn(*mut [u8; 16], c_int) -> Answer,
    memory: unsafe extern "C" fn(*mut usize, c_int) -> Answer,
    attribute: unsafe extern "C" fn(*mut c_int, c_int, c_int) -> Answer,
    push: unsafe extern "C" fn(*mut c_void) -> Answer,
    pop: unsafe extern "C" fn(*mut *mut c_void) -> Answer,
    free: unsafe extern "C" fn(*mut usize, *mut usize) -> Answer,
    error_name: unsafe extern "C" fn(Answer, *mut *const c_char) -> Answer,
}

/// What the driver says of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) uuid: String,
    pub(super) memory_bytes: u64,
    pub(super) capability: (u32, u32),
    pub(super) cuda: (u32, u32),
}

impl Driver {
    /// Loads the driver and wakes it.
    pub(super) fn start() -> Result<Self, CardError> {
        let library = Library::load(DRIVER)?;
        let driver = Self {
            version: library.function(c"cuDriverGetVersion")?,
            count: library.function(c"cuDeviceGetCount")?,
            device: library.function(c"cuDeviceGet")?,
            name: library.function(c"cuDeviceGetName")?,
            uuid: library.function(c"cuDeviceGetUuid")?,
            memory: library.function(c"cuDeviceTotalMem_v2")?,
            attribute: library.function(c"cuDeviceGetAttribute")?,
            push: library.function(c"cuCtxPushCurrent_v2")?,
            pop: library.function(c"cuCtxPopCurrent_v2")?,
            free: library.function(c"cuMemGetInfo_v2")?,
            error_name: library.function(c"cuGetErrorName")?,
        };
        let start: unsafe extern "C" fn(u32) -> Answer = library.function(c"cuInit")?;
        // SAFETY: the only flags there are.
        driver.check("cuInit", unsafe { start(0) })?;
        Ok(driver)
    }

    /// What there is to know of the card with this number.
    pub(super) fn facts(&self, index: u32) -> Result<Facts, CardError> {
        let mut count = 0;
        // SAFETY: one integer to write to.
        self.check("cuDeviceGetCount", unsafe { (self.count)(&mut count) })?;
        let number = c_int::try_from(index).unwrap_or(c_int::MAX);
        if number >= count {
            return Err(CardError::NoSuchDevice {
                index,
                count: u32::try_from(count).unwrap_or(0),
            });
        }
        let (mut device, mut version) = (0, 0);
        let mut name = [0u8; MAX_NAME];
        let mut uuid = [0u8; 16];
        let mut memory = 0usize;
        // SAFETY: each call is given room for what it writes, and a device the driver named.
        unsafe {
            self.check("cuDeviceGet", (self.device)(&mut device, number))?;
            self.check("cuDriverGetVersion", (self.version)(&mut version))?;
            let room = MAX_NAME as c_int;
            let text = name.as_mut_ptr().cast();
            self.check("cuDeviceGetName", (self.name)(text, room, device))?;
            self.check("cuDeviceGetUuid", (self.uuid)(&mut uuid, device))?;
            self.check("cuDeviceTotalMem", (self.memory)(&mut memory, device))?;
        }
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(Facts {
            name: String::from_utf8_lossy(name).into_owned(),
            uuid: uuid_text(&uuid),
            memory_bytes: memory as u64,
            capability: (
                self.number(CAPABILITY_MAJOR, device)?,
                self.number(CAPABILITY_MINOR, device)?,
            ),
            cuda: version_numbers(version),
        })
    }

    /// Bytes of the card's memory nobody uses, as seen from this context.
    pub(super) fn free_bytes(&self, context: *mut c_void) -> Result<u64, CardError> {
        let (mut free, mut total) = (0usize, 0usize);
        let mut popped = MaybeUninit::uninit();
        // SAFETY: the context is the library's, alive, and left as it was found.
        unsafe {
            self.check("cuCtxPushCurrent", (self.push)(context))?;
            let asked = (self.free)(&mut free, &mut total);
            self.check("cuCtxPopCurrent", (self.pop)(popped.as_mut_ptr()))?;
            self.check("cuMemGetInfo", asked)?;
        }
        Ok(free as u64)
    }

    fn number(&self, attribute: c_int, device: c_int) -> Result<u32, CardError> {
        let mut value = 0;
        // SAFETY: one integer to write to.
        let asked = unsafe { (self.attribute)(&mut value, attribute, device) };
        self.check("cuDeviceGetAttribute", asked)?;
        Ok(u32::try_from(value).unwrap_or(0))
    }

    fn check(&self, call: &str, answer: Answer) -> Result<(), CardError> {
        if answer == 0 {
            return Ok(());
        }
        let mut name = std::ptr::null();
        // SAFETY: the name is static text, or null for a number the driver does not know.
        let name = unsafe {
            (self.error_name)(answer, &mut name);
            if name.is_null() {
                answer.to_string()
            } else {
                CStr::from_ptr(name).to_string_lossy().into_owned()
            }
        };
        Err(CardError::Driver(format!("{call}: {name}")))
    }
}

/// The driver's interface number, such as 12040, as major and minor.
fn version_numbers(version: c_int) -> (u32, u32) {
    let version = u32::try_from(version).unwrap_or(0);
    (version / 1000, version % 1000 / 10)
}

/// The form in which tools name a card.
fn uuid_text(bytes: &[u8; 16]) -> String {
    let mut text = "GPU-".to_owned();
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions_read_as_the_vendors_tools_print_them() {
        let mut bytes = [0u8; 16];
        for (place, byte) in (0u8..).zip(bytes.iter_mut()) {
            *byte = place * 17;
        }
        assert_eq!(
            uuid_text(&bytes),
            "GPU-00112233-4455-6677-8899-aabbccddeeff"
        );
        assert_eq!(version_numbers(12_040), (12, 4));
        assert_eq!(version_numbers(-1), (0, 0));
    }

    #[test]
    fn a_library_that_is_not_there_is_named_with_what_the_loader_says() {
        let error = Library::load("libstreamflow-nowhere.so.1").unwrap_err();
        let CardError::Library { name, reason } = &error else {
            panic!("{error}");
        };
        assert_eq!(*name, "libstreamflow-nowhere.so.1");
        assert!(
            reason.contains("cannot open shared object file"),
            "{reason}"
        );
    }
}
