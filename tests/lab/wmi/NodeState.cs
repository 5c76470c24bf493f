// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

// What WMI's providers on a binary node would see: named job objects and what the kernel keeps of each, the logical
// processors, and of each process its session and when it began. It shares nothing with the collection's probe: names
// are listed by the object manager, everything else comes from kernel32's documented calls and .NET.
// Values are the kernel's own; how WMI changes them (names, 32 bits) is said in classes.py.
using System;
using System.Collections;
using System.Collections.Generic;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace lab.wmi
{
    public static class NodeState
    {
        const uint JobQuery = 4, DirectoryQuery = 1;
        const ushort AllGroups = 0xFFFF;
        const int ExtendedLimits = 9, Accounting = 8, UiRestrictions = 4, ProcessList = 3;

        public static Dictionary<string, object> Collect(IDictionary options)
        {
            List<object> jobs = new List<object>();
            foreach (string name in NamesOfJobs(@"\BaseNamedObjects"))
            {
                Dictionary<string, object> job = Job(name);
                if (job != null) jobs.Add(job);
            }
            Dictionary<string, object> state = new Dictionary<string, object>();
            state["jobs"] = jobs;
            state["logical_processors"] = GetActiveProcessorCount(AllGroups);
            state["processes"] = Processes();
            return state;
        }

        // A job that can't be opened is missing, as it is from WMI.
        static Dictionary<string, object> Job(string name)
        {
            IntPtr handle = OpenJobObject(JobQuery, false, name);
            if (handle == IntPtr.Zero) return null;
            try
            {
                Dictionary<string, object> job = new Dictionary<string, object>();
                job["name"] = name;
                AddLimits(job, Ask<ExtendedLimitInformation>(handle, ExtendedLimits));
                AddAccounting(job, Ask<AccountingInformation>(handle, Accounting));
                uint restrictions;
                job["ui_restrictions"] = QueryInformationJobObject(handle, UiRestrictions, out restrictions, 4, IntPtr.Zero)
                    ? (object)restrictions : null;
                job["process_ids"] = ProcessIds(handle);
                return job;
            }
            finally { CloseHandle(handle); }
        }

        static void AddLimits(Dictionary<string, object> job, ExtendedLimitInformation limits)
        {
            job["limit_flags"] = limits.Basic.LimitFlags;
            job["per_process_user_time"] = limits.Basic.PerProcessUserTimeLimit;
            job["per_job_user_time"] = limits.Basic.PerJobUserTimeLimit;
            job["minimum_working_set"] = (ulong)limits.Basic.MinimumWorkingSetSize;
            job["maximum_working_set"] = (ulong)limits.Basic.MaximumWorkingSetSize;
            job["active_process_limit"] = limits.Basic.ActiveProcessLimit;
            job["affinity"] = (ulong)limits.Basic.Affinity;
            job["priority_class"] = limits.Basic.PriorityClass;
            job["scheduling_class"] = limits.Basic.SchedulingClass;
            job["process_memory_limit"] = (ulong)limits.ProcessMemoryLimit;
            job["job_memory_limit"] = (ulong)limits.JobMemoryLimit;
            job["peak_process_memory"] = (ulong)limits.PeakProcessMemoryUsed;
            job["peak_job_memory"] = (ulong)limits.PeakJobMemoryUsed;
        }

        static void AddAccounting(Dictionary<string, object> job, AccountingInformation used)
        {
            job["user_time"] = used.TotalUserTime;
            job["kernel_time"] = used.TotalKernelTime;
            job["period_user_time"] = used.ThisPeriodTotalUserTime;
            job["period_kernel_time"] = used.ThisPeriodTotalKernelTime;
            job["page_faults"] = used.TotalPageFaultCount;
            job["total_processes"] = used.TotalProcesses;
            job["active_processes"] = used.ActiveProcesses;
            job["terminated_processes"] = used.TotalTerminatedProcesses;
            job["read_operations"] = used.ReadOperationCount;
            job["write_operations"] = used.WriteOperationCount;
            job["other_operations"] = used.OtherOperationCount;
            job["read_bytes"] = used.ReadTransferCount;
            job["write_bytes"] = used.WriteTransferCount;
            job["other_bytes"] = used.OtherTransferCount;
        }

        static List<object> ProcessIds(IntPtr job)
        {
            const int Most = 4096, Header = 8;
            IntPtr buffer = Marshal.AllocHGlobal(Header + Most * IntPtr.Size);
            try
            {
                if (!QueryInformationJobObject(job, ProcessList, buffer, Header + Most * IntPtr.Size, IntPtr.Zero))
                    throw new Win32Exception();
                List<object> ids = new List<object>();
                int count = Marshal.ReadInt32(buffer, 4);
                for (int i = 0; i < count; i++) ids.Add(Marshal.ReadIntPtr(buffer, Header + i * IntPtr.Size).ToInt64());
                return ids;
            }
            finally { Marshal.FreeHGlobal(buffer); }
        }

        static T Ask<T>(IntPtr job, int informationClass) where T : struct
        {
            int length = Marshal.SizeOf(typeof(T));
            IntPtr buffer = Marshal.AllocHGlobal(length);
            try
            {
                if (!QueryInformationJobObject(job, informationClass, buffer, length, IntPtr.Zero)) throw new Win32Exception();
                return (T)Marshal.PtrToStructure(buffer, typeof(T));
            }
            finally { Marshal.FreeHGlobal(buffer); }
        }

        // By process id as text; what can't be read of a process is null.
        static Dictionary<string, object> Processes()
        {
            Dictionary<string, object> all = new Dictionary<string, object>();
            foreach (Process process in Process.GetProcesses())
                using (process)
                {
                    Dictionary<string, object> facts = new Dictionary<string, object>();
                    facts["session_id"] = process.SessionId;
                    facts["started"] = Started(process);
                    all[process.Id.ToString(CultureInfo.InvariantCulture)] = facts;
                }
            return all;
        }

        static string Started(Process process)
        {
            try
            {
                return process.StartTime.ToUniversalTime().ToString("yyyy-MM-ddTHH:mm:ss.FFFFFFF", CultureInfo.InvariantCulture) + "Z";
            }
            catch (Win32Exception) { return null; }
            catch (InvalidOperationException) { return null; }
        }

        static List<string> NamesOfJobs(string directory)
        {
            const int Length = 64 * 1024, NoMoreEntries = unchecked((int)0x8000001A);
            List<string> names = new List<string>();
            IntPtr text = Marshal.StringToHGlobalUni(directory), handle;
            UnicodeString name = new UnicodeString { Length = (ushort)(directory.Length * 2), MaximumLength = (ushort)(directory.Length * 2), Buffer = text };
            GCHandle pinned = GCHandle.Alloc(name, GCHandleType.Pinned);
            ObjectAttributes attributes = new ObjectAttributes { Length = Marshal.SizeOf(typeof(ObjectAttributes)), ObjectName = pinned.AddrOfPinnedObject() };
            int status = NtOpenDirectoryObject(out handle, DirectoryQuery, ref attributes);
            pinned.Free();
            Marshal.FreeHGlobal(text);
            if (status != 0) throw new InvalidOperationException(directory + ": status 0x" + status.ToString("X8"));
            IntPtr buffer = Marshal.AllocHGlobal(Length);
            uint context = 0, returned;
            while ((status = NtQueryDirectoryObject(handle, buffer, Length, 1, 0, ref context, out returned)) >= 0)
            {
                DirectoryEntry entry = (DirectoryEntry)Marshal.PtrToStructure(buffer, typeof(DirectoryEntry));
                if (Text(entry.Type) == "Job") names.Add(Text(entry.Name));
            }
            Marshal.FreeHGlobal(buffer);
            CloseHandle(handle);
            if (status != NoMoreEntries) throw new InvalidOperationException("listing " + directory + ": status 0x" + status.ToString("X8"));
            return names;
        }

        static string Text(UnicodeString name)
        {
            return Marshal.PtrToStringUni(name.Buffer, name.Length / 2);
        }

        [StructLayout(LayoutKind.Sequential)]
        struct UnicodeString { public ushort Length, MaximumLength; public IntPtr Buffer; }

        [StructLayout(LayoutKind.Sequential)]
        struct DirectoryEntry { public UnicodeString Name, Type; }

        [StructLayout(LayoutKind.Sequential)]
        struct ObjectAttributes
        {
            public int Length;
            public IntPtr RootDirectory, ObjectName;
            public uint Attributes;
            public IntPtr SecurityDescriptor, SecurityQualityOfService;
        }

        [StructLayout(LayoutKind.Sequential)]
        struct BasicLimitInformation
        {
            public long PerProcessUserTimeLimit, PerJobUserTimeLimit;
            public uint LimitFlags;
            public UIntPtr MinimumWorkingSetSize, MaximumWorkingSetSize;
            public uint ActiveProcessLimit;
            public UIntPtr Affinity;
            public uint PriorityClass, SchedulingClass;
        }

        [StructLayout(LayoutKind.Sequential)]
        struct ExtendedLimitInformation
        {
            public BasicLimitInformation Basic;
            public ulong IoRead, IoWrite, IoOther, IoReadBytes, IoWriteBytes, IoOtherBytes;
            public UIntPtr ProcessMemoryLimit, JobMemoryLimit, PeakProcessMemoryUsed, PeakJobMemoryUsed;
        }

        [StructLayout(LayoutKind.Sequential)]
        struct AccountingInformation
        {
            public long TotalUserTime, TotalKernelTime, ThisPeriodTotalUserTime, ThisPeriodTotalKernelTime;
            public uint TotalPageFaultCount, TotalProcesses, ActiveProcesses, TotalTerminatedProcesses;
            public ulong ReadOperationCount, WriteOperationCount, OtherOperationCount;
            public ulong ReadTransferCount, WriteTransferCount, OtherTransferCount;
        }

        [DllImport("ntdll.dll")]
        static extern int NtOpenDirectoryObject(out IntPtr handle, uint access, ref ObjectAttributes attributes);
        [DllImport("ntdll.dll")]
        static extern int NtQueryDirectoryObject(IntPtr handle, IntPtr buffer, int length, byte single, byte restart, ref uint context, out uint returned);
        [DllImport("kernel32.dll", CharSet = CharSet.Unicode, SetLastError = true, EntryPoint = "OpenJobObjectW")]
        static extern IntPtr OpenJobObject(uint access, bool inherit, string name);
        [DllImport("kernel32.dll", SetLastError = true)]
        static extern bool QueryInformationJobObject(IntPtr job, int informationClass, IntPtr data, int length, IntPtr returned);
        [DllImport("kernel32.dll", SetLastError = true)]
        static extern bool QueryInformationJobObject(IntPtr job, int informationClass, out uint data, int length, IntPtr returned);
        [DllImport("kernel32.dll")]
        static extern int GetActiveProcessorCount(ushort group);
        [DllImport("kernel32.dll")]
        static extern bool CloseHandle(IntPtr handle);
    }
}
